// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Builds snapshots by hand; see builder.h. Written apart from the model's own
// code on purpose: a test of a view must not depend on how the model folds.
#include "builder.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "model/site.h"
#include "model/task_store.h"

namespace taskleak::test {
namespace {

template <class Id, class T>
Id intern(std::vector<T>& table, T entry) {
  const auto found = std::find(table.begin(), table.end(), entry);
  const auto index = static_cast<std::uint32_t>(found - table.begin());
  if (found == table.end()) table.push_back(std::move(entry));
  return Id{index};
}

FrameId blocked_at(const Task& task, const SnapshotTables& tables) {
  if (task.state != TaskState::kBlocked || !task.stack.valid())
    return FrameId::none();
  return blocked_frame(tables.stacks[task.stack.value], tables.frames);
}

std::string id_of(const Site& site, const SnapshotTables& tables) {
  const auto hash = [&](FrameId id) {
    return id.valid() ? frame_hash(tables.frames[id.value]) : 0;
  };
  const std::uint64_t reason =
      site.reason.valid() ? text_hash(tables.reasons[site.reason.value].text)
                          : 0;
  return site_id(site_key(text_hash(tables.runtimes[site.runtime].name),
                          hash(site.created_at), hash(site.blocked_at),
                          reason));
}

bool older(const WaitStart& a, const WaitStart& b) {
  if (a.source == WaitStartSource::kNone) return false;
  return b.source == WaitStartSource::kNone || a.start_ns < b.start_ns;
}

/// Groups user tasks; `site` of each task is its place in the result.
std::vector<Site> group(std::vector<Task>& tasks,
                        const SnapshotTables& tables) {
  using Key = std::tuple<FrameId, FrameId, ReasonId>;
  std::map<Key, Site> by_key;
  const auto key_of = [&](const Task& task) {
    return Key{task.created_at, blocked_at(task, tables), task.reason};
  };
  for (const Task& task : tasks) {
    if (task.system) continue;
    Site& site = by_key[key_of(task)];
    std::tie(site.created_at, site.blocked_at, site.reason) = key_of(task);
    ++site.tasks;
    if (older(task.wait, site.oldest_wait)) site.oldest_wait = task.wait;
  }
  std::vector<std::pair<Key, Site>> sites(by_key.begin(), by_key.end());
  for (auto& [key, site] : sites) site.id = id_of(site, tables);
  std::sort(sites.begin(), sites.end(), [](const auto& a, const auto& b) {
    return std::tuple(b.second.tasks, a.second.id) <
           std::tuple(a.second.tasks, b.second.id);
  });
  std::map<Key, std::uint32_t> place;
  std::vector<Site> result;
  for (auto& [key, site] : sites) {
    place[key] = static_cast<std::uint32_t>(result.size());
    result.push_back(std::move(site));
  }
  for (Task& task : tasks)
    if (!task.system) task.site = SiteId{place[key_of(task)]};
  return result;
}

void count(Snapshot& at, const std::vector<Task>& tasks,
           const SnapshotTables& tables) {
  for (const Task& task : tasks) {
    if (task.system) {
      ++at.counts.system_tasks;
      continue;
    }
    ++at.counts.tasks;
    ++at.counts.by_state[static_cast<std::size_t>(task.state)];
    if (task.state != TaskState::kBlocked || !task.reason.valid()) continue;
    const WaitKind kind = tables.reasons[task.reason.value].kind;
    ++at.counts.blocked_by_kind[static_cast<std::size_t>(kind)];
  }
  at.counts.created = std::max(at.counts.created, at.counts.tasks);
  at.counts.finished = at.counts.created - at.counts.tasks;
}

}  // namespace

WaitStart since(double seconds, WaitStartSource source, double uncertainty) {
  const auto ns = [](double s) { return static_cast<std::int64_t>(s * 1e9); };
  return {kTakenNs - ns(seconds), ns(uncertainty), source};
}

SnapshotBuilder::SnapshotBuilder() {
  at.epoch = 1;
  at.taken_ns = kTakenNs;
  at.taken_unix_ns = kTakenUnixNs;
  at.duration_ns = 4'000'000;
  at.target.pid = 4242;
  at.target.start_unix_ns = kTakenUnixNs - 900'000'000'000;
  at.target.exe = "/srv/shop";
  at.target.build_id = "c0ffee";
  at.target.runtimes = {{"go", "go1.26.8"}};
  at.counts.created_exact = true;
  tables.runtimes = at.target.runtimes;
}

FrameId SnapshotBuilder::frame(const std::string& function,
                               const std::string& file, std::uint32_t line,
                               FrameOwner owner) {
  return intern<FrameId>(tables.frames, Frame{function, file, line, owner});
}

StackId SnapshotBuilder::stack(std::vector<FrameId> innermost_first) {
  return intern<StackId>(tables.stacks, std::move(innermost_first));
}

LabelsId SnapshotBuilder::labels(Labels labels) {
  return intern<LabelsId>(tables.labels, std::move(labels));
}

ReasonId SnapshotBuilder::reason(const std::string& text, WaitKind kind,
                                 bool ends_by_itself) {
  return intern<ReasonId>(tables.reasons,
                          WaitReason{text, kind, ends_by_itself});
}

Task& SnapshotBuilder::task(std::uint64_t raw_id) {
  Task& task = tasks.emplace_back();
  waits_.emplace_back();
  task.id.raw = raw_id;
  task.state = TaskState::kRunning;
  task.record = 0xc000000000 + raw_id * 0x200;
  return task;
}

Task& SnapshotBuilder::blocked(
    std::uint64_t raw_id, ReasonId reason, FrameId created_at,
    FrameId blocked_at, WaitStart wait,
    const std::vector<ObjectRef>& objects_waited_on) {
  Task& added = task(raw_id);
  added.state = TaskState::kBlocked;
  added.ran_since_last = false;
  added.reason = reason;
  added.created_at = created_at;
  added.stack = stack({blocked_at});
  added.wait = wait;
  waits_.back() = objects_waited_on;
  for (const ObjectRef& ref : objects_waited_on)
    objects.push_back(WaitObject{.ref = ref});
  return added;
}

std::shared_ptr<const Snapshot> SnapshotBuilder::build() {
  at.sites = group(tasks, tables);
  count(at, tasks, tables);
  std::vector<SiteId> places;
  for (std::uint32_t i = 0; i < at.sites.size(); ++i)
    places.push_back(SiteId{i});
  constexpr std::uint32_t kEpoch = 1;
  TaskStore store(order);
  for (std::uint32_t i = 0; i < tasks.size(); ++i) {
    std::vector<WaitObject> waits_on;
    for (const ObjectRef& ref : waits_[i])
      waits_on.push_back(*std::ranges::find(objects, ref, &WaitObject::ref));
    store.put(i, tasks[i], waits_on, kEpoch,
              [](const Task& task) { return task.site; });
  }
  at.tasks = store.share(kEpoch, std::move(places));
  at.tables = std::make_shared<const SnapshotTables>(std::move(tables));
  return std::make_shared<const Snapshot>(std::move(at));
}

namespace {

/// Fills in what coverage and events say in the sample.
void add_events(SnapshotBuilder& b, FrameId created_at, ReasonId reason) {
  Snapshot& at = b.at;
  at.coverage = {.complete = false,
                 .torn_tasks = 1,
                 .torn_tasks_total = 3,
                 .lost_events = {{"site_map_full", 2}, {"recursion", 1}},
                 .probes = {{"go.newproc1", true, "", 5000},
                            {"go.gopark", false, "over budget until 3 s", 7}},
                 .notes = {"labels of 1 task could not be read"}};
  at.counts.created = 120;
  at.counts.uncertainty = 4;
  at.counts.drift = -2;
  at.counts.drift_known = true;
  at.events.taken_ns = kTakenNs;
  at.events.lifecycle_since_ns = kTakenNs - 60'000'000'000;
  at.events.lost = at.coverage.lost_events;
  at.events.probes = at.coverage.probes;
  at.events.daemon_overhead_ratio = 0.004;
  at.events.target_overhead_ratio = 0.007;
  at.events.cost_per_hit_ns = 700;
  WaitHistogram waits{.count = 3, .sum_ns = 7'000'000, .buckets = {}};
  waits.buckets[10] = 2;
  waits.buckets[12] = 1;
  at.wait_series.push_back({created_at, reason, waits});
}

}  // namespace

std::shared_ptr<const Snapshot> sample_snapshot() {
  SnapshotBuilder b;
  b.at.epoch = 7;
  const FrameId serve = b.frame("main.serve", "/src/main.go", 42);
  const FrameId worker = b.frame("main.worker", "/src/main.go", 57);
  const FrameId generic =
      b.frame("main.(*Pool[\"x\\y\"]).run", "/src/with space/p\\q\".go", 9);
  const FrameId park = b.frame("runtime.gopark", "/go/src/runtime/proc.go", 435,
                               FrameOwner::kRuntime);
  const FrameId recv = b.frame("runtime.chanrecv1", "/go/src/runtime/chan.go",
                               509, FrameOwner::kRuntime);
  const ReasonId receive = b.reason("chan receive", WaitKind::kChannel);
  const ReasonId select = b.reason("select", WaitKind::kSelect);
  const ReasonId nil =
      b.reason("chan receive (nil chan)", WaitKind::kNilChannel);
  const ReasonId sleep = b.reason("sleep", WaitKind::kTimer, true);
  const ReasonId io = b.reason("IO wait", WaitKind::kFd);
  const ReasonId gc = b.reason("GC worker (idle)", WaitKind::kRuntime);
  const ObjectRef queue{0xc000012345, WaitKind::kChannel};

  Task& first = b.blocked(17, receive, serve, worker,
                          since(600, WaitStartSource::kEvent), {queue});
  first.stack = b.stack({park, recv, worker});
  first.parent_raw_id = 1;
  first.labels = b.labels({{"tenant", "a\"b\\c\n"}, {"route", "/buy"}});
  b.blocked(18, receive, serve, worker,
            since(300, WaitStartSource::kRuntime, 110), {queue})
      .parent_raw_id = 1;
  b.blocked(19, select, serve, generic,
            since(2, WaitStartSource::kFirstSeen, 1),
            {{0xc0000a0000, WaitKind::kChannel},
             {0xc0000a0060, WaitKind::kChannel},
             {0xc0000a00c0, WaitKind::kChannel}});
  b.blocked(20, nil, serve, generic,
            since(900, WaitStartSource::kFirstSeen, -1));
  b.blocked(21, sleep, FrameId::none(), worker,
            since(1, WaitStartSource::kEvent))
      .deadline_ns = kTakenNs + 5'000'000'000;
  b.blocked(22, io, serve, worker, since(30, WaitStartSource::kRuntime, 30),
            {{7, WaitKind::kFd}});
  b.task(1).created_at = FrameId::none();
  Task& runnable = b.task(23);
  runnable.state = TaskState::kRunnable;
  runnable.created_at = worker;
  Task& syscall = b.task(24);
  syscall.state = TaskState::kSyscall;
  syscall.created_at = generic;
  Task& torn = b.task(25);
  torn.state = TaskState::kUnknown;
  torn.torn = true;
  torn.created_at = serve;
  b.blocked(2, gc, FrameId::none(), park, since(950, WaitStartSource::kRuntime))
      .system = true;
  b.objects[0] = {queue, 4, 0, 8, 0};
  add_events(b, serve, receive);
  return b.build();
}

}  // namespace taskleak::test
