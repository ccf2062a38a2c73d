// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Folds epochs into the table and freezes them. A fold touches only what the
// census says has changed; freezing is one pass over the live tasks. What to
// believe is decided in reconcile.cc, what is fit to be folded at all in
// census_check.cc.
#include "model/task_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "model/census_check.h"
#include "model/names.h"
#include "model/reconcile.h"
#include "model/site_index.h"
#include "model/task_store.h"

namespace taskleak {
namespace {

/// Sites that no task has any more are kept until they are this many, and
/// three of four.
constexpr std::size_t kIdleSites = 4096;

bool is_same_wait(const Task& before, const CensusTask& now) {
  return before.state == TaskState::kBlocked &&
         now.state == TaskState::kBlocked &&
         before.run_count == now.run_count && before.reason == now.reason;
}

/// It left the running state no more than it had, and it is not there now.
/// (256 rounds in one epoch would look the same; nothing can tell.)
bool did_not_run(const Task& before, const CensusTask& now) {
  return before.run_count == now.run_count &&
         now.state != TaskState::kRunning && now.state != TaskState::kUnknown;
}

std::uint64_t raw_id_of(const Task& task) { return task.id.raw; }
std::uint64_t raw_id_of(const CensusTask& task) { return task.raw_id; }

/// When a probe saw this very wait begin; nothing when none did.
template <class T>
std::optional<std::int64_t> park_start(const ParkLookup& parks, const T& task) {
  const std::optional<EventPark> park = parks(task.record);
  if (!park || !same_park(*park, raw_id_of(task), task.reason, task.run_count))
    return std::nullopt;
  return park->start_ns;
}

std::uint64_t sum_of(const std::map<std::string, std::uint64_t>& counts) {
  std::uint64_t sum = 0;
  for (const auto& [stage, count] : counts) sum += count;
  return sum;
}

}  // namespace

struct TaskTable::Impl {
  explicit Impl(TargetInfo info)
      : names(info.runtimes), target(std::move(info)) {}

  void begin_anew();
  void expect(const Census& census);
  void fold_tasks(const Census& census, const ParkLookup& parks);
  void fold_task(const Census& census, const CensusTask& now,
                 const ParkLookup& parks);
  void remove(std::uint32_t slot);
  const Task* before(const CensusTask& now) const;
  void count_life(const Task* before, const Task& now);
  void fold_bounds(const Census& census);
  void fold_torn(const Census& census);
  void fold_late_parks(const ParkLookup& parks);
  void fold_counts(const Census& census);
  void fold_coverage(Census& census);
  WaitStart wait_of(const Census& census, const CensusTask& now,
                    const Task* before, const ParkLookup& parks);
  std::int64_t last_good_ns(std::uint32_t slot) const;
  void forget_idle_sites();
  void count_states(Snapshot& snapshot);
  void copy_tasks(Snapshot& snapshot);

  Names names;
  TaskStore store;
  SiteIndex sites;
  CountLedger ledger;
  TargetInfo target;

  std::uint64_t epoch = 0;
  std::int64_t begin_ns = 0;  ///< of the last walk folded; 0 = none yet
  std::int64_t end_ns = 0;
  EventSummary events;
  Counts counts;
  Coverage coverage;
  std::uint64_t users = 0;  ///< live tasks, system ones left out
  std::uint64_t born = 0;   ///< of them, first seen with the last fold
  std::uint64_t system_ever = 0;

  /// Tasks that ran before the last walk and may be quiet from now on.
  std::vector<std::uint32_t> fresh;
  /// Slots torn at the last walk, with the begin of the last walk that read
  /// them well (0 = none).
  std::unordered_map<std::uint32_t, std::int64_t> torn_since;
  /// Slots whose park nobody had time to ask for.
  std::vector<std::uint32_t> late_parks;
  std::size_t lookups = 0;
  /// While a full census is folded: the former tasks by raw id.
  std::unordered_map<std::uint64_t, Task> former;
};

// --- folding -----------------------------------------------------------------

void TaskTable::Impl::begin_anew() {
  former.reserve(store.live());
  store.each([this](const Task& task) { former.emplace(task.id.raw, task); });
  store = TaskStore();
  names.clear();
  sites.clear();
  fresh.clear();
  late_parks.clear();
}

void TaskTable::Impl::expect(const Census& census) {
  store.expect(census.changed.size());
  store.objects().expect(census.objects.size());
  fresh.reserve(census.changed.size());
}

const Task* TaskTable::Impl::before(const CensusTask& now) const {
  if (const auto found = former.find(now.raw_id); found != former.end())
    return &found->second;
  const Task* task = store.find(now.slot);
  const bool same_life =
      task != nullptr && !now.new_life && task->id.raw == now.raw_id;
  return same_life ? task : nullptr;
}

/// The begin of the last walk that read this slot well, or found it empty.
std::int64_t TaskTable::Impl::last_good_ns(std::uint32_t slot) const {
  const auto torn = torn_since.find(slot);
  const std::int64_t last = torn == torn_since.end() ? begin_ns : torn->second;
  return last > 0 ? last : target.start_monotonic_ns;
}

WaitStart TaskTable::Impl::wait_of(const Census& census, const CensusTask& now,
                                   const Task* before,
                                   const ParkLookup& parks) {
  if (now.state != TaskState::kBlocked) return {};
  WaitWitnesses witnesses{.known = {},
                          .not_yet_ns = last_good_ns(now.slot),
                          .seen_ns = census.end_ns,
                          .runtime_earliest_ns = now.wait_earliest_ns,
                          .runtime_latest_ns = now.wait_latest_ns,
                          .event_ns = {}};
  if (before != nullptr && is_same_wait(*before, now))
    witnesses.known = before->wait;
  const bool too_old = witnesses.runtime_latest_ns != 0 &&
                       witnesses.runtime_latest_ns < events.wait_since_ns;
  if (!parks || events.wait_since_ns == 0 || too_old ||
      witnesses.known.source == WaitStartSource::kEvent)
    return reconcile_wait(witnesses);
  if (lookups == kMaxParkLookups) {
    late_parks.push_back(now.slot);
  } else {
    ++lookups;
    witnesses.event_ns = park_start(parks, now);
  }
  return reconcile_wait(witnesses);
}

/// Keeps the numbers of lives true when `now` follows `before` (nullptr: a new
/// life).
void TaskTable::Impl::count_life(const Task* before, const Task& now) {
  if (before == nullptr) {
    now.system ? ++system_ever : ++born;
  } else if (before->system != now.system) {
    now.system ? ++system_ever : --system_ever;
  }
}

void TaskTable::Impl::fold_task(const Census& census, const CensusTask& now,
                                const ParkLookup& parks) {
  const Task* known = before(now);
  const Task* in_slot = store.find(now.slot);
  Task task{.id = {now.raw_id, 0, census.runtime},
            .state = now.state,
            .system = now.system,
            .torn = false,
            .ran_since_last = known == nullptr || !did_not_run(*known, now),
            .run_count = now.run_count,
            .reason = now.state == TaskState::kBlocked ? now.reason
                                                       : ReasonId::none(),
            .created_at = now.created_at,
            .stack = now.stack,
            .labels = now.labels,
            .site = {},
            .parent_raw_id = now.parent_raw_id,
            .record = now.record,
            .first_seen_ns = known ? known->first_seen_ns : census.begin_ns,
            .wait = wait_of(census, now, known, parks),
            .deadline_ns = now.deadline_ns};
  if (known != nullptr)
    task.id.generation = known->id.generation;
  else if (in_slot != nullptr && in_slot->id.raw == now.raw_id)
    task.id.generation = in_slot->id.generation + 1;
  count_life(known, task);
  if (!task.system) task.site = sites.intern(task, names);
  if (in_slot != nullptr && !in_slot->system) --users;
  if (!task.system) ++users;
  if (task.ran_since_last) fresh.push_back(now.slot);
  store.put(now.slot, task, now.waits_on);
}

void TaskTable::Impl::remove(std::uint32_t slot) {
  const Task* task = store.find(slot);
  if (task == nullptr) return;
  if (!task->system) --users;
  store.remove(slot);
}

void TaskTable::Impl::fold_tasks(const Census& census,
                                 const ParkLookup& parks) {
  // Those that ran before the last walk did not since, unless this census
  // says so below; what still runs is always in doubt.
  for (const std::uint32_t slot : std::exchange(fresh, {})) {
    Task* task = store.find(slot);
    if (task == nullptr) continue;
    task->ran_since_last = task->state == TaskState::kRunning;
    if (task->ran_since_last) fresh.push_back(slot);
  }
  for (const auto& [slot, since] : torn_since)
    if (Task* task = store.find(slot)) task->torn = false;
  for (const std::uint32_t slot : census.ended) remove(slot);
  for (const CensusTask& task : census.changed) fold_task(census, task, parks);
  for (const WaitObject& object : census.objects) store.objects().learn(object);
}

void TaskTable::Impl::fold_bounds(const Census& census) {
  for (const CensusWaitBound& bound : census.bounds) {
    Task* task = store.find(bound.slot);
    if (task == nullptr || task->state != TaskState::kBlocked) continue;
    task->wait = reconcile_wait({.known = task->wait,
                                 .not_yet_ns = 0,
                                 .seen_ns = census.end_ns,
                                 .runtime_earliest_ns = bound.wait_earliest_ns,
                                 .runtime_latest_ns = bound.wait_latest_ns,
                                 .event_ns = {}});
  }
}

void TaskTable::Impl::fold_torn(const Census& census) {
  std::unordered_map<std::uint32_t, std::int64_t> now_torn;
  for (const std::uint32_t slot : census.torn) {
    const auto earlier = torn_since.find(slot);
    now_torn[slot] = earlier == torn_since.end() ? begin_ns : earlier->second;
    Task* task = store.find(slot);
    if (task == nullptr) continue;
    task->torn = true;
    task->ran_since_last = true;
    fresh.push_back(slot);
  }
  torn_since = std::move(now_torn);
}

void TaskTable::Impl::fold_late_parks(const ParkLookup& parks) {
  if (!parks || events.wait_since_ns == 0) late_parks.clear();
  for (std::size_t i = 0; i < kMaxLateParkLookups && !late_parks.empty(); ++i) {
    Task* task = store.find(late_parks.back());
    late_parks.pop_back();
    if (task == nullptr || task->state != TaskState::kBlocked) continue;
    task->wait = reconcile_wait({.known = task->wait,
                                 .not_yet_ns = 0,
                                 .seen_ns = end_ns,
                                 .runtime_earliest_ns = 0,
                                 .runtime_latest_ns = 0,
                                 .event_ns = park_start(parks, *task)});
  }
}

void TaskTable::Impl::fold_counts(const Census& census) {
  if (census.count_only) {
    counts = {.count_only = true,
              .tasks = static_cast<std::uint64_t>(census.totals.oracle_live),
              .uncertainty = census.totals.created_during_walk};
    return;
  }
  ledger.fold({.tasks = users,
               .system_tasks = store.live() - users,
               .born = born,
               .system_ever = system_ever,
               .torn = census.torn.size(),
               .totals = census.totals},
              events, counts);
}

void TaskTable::Impl::fold_coverage(Census& census) {
  const bool lost = sum_of(events.lost) > sum_of(coverage.lost_events);
  coverage.torn_tasks = census.torn.size();
  coverage.torn_tasks_total += census.torn.size();
  coverage.complete = census.torn.empty() && !lost && !census.count_only;
  coverage.lost_events = events.lost;
  coverage.probes = events.probes;
  coverage.notes = std::move(census.notes);
  if (census.count_only) return;
  const std::uint64_t apart =
      unexplained(counts, census.totals, census.ended.size());
  if (apart == 0) return;
  coverage.complete = false;
  coverage.notes.push_back(fmt::format(
      "the runtime's own count of tasks is {}, the walk found {}: {} more "
      "apart than tasks that came and went explain",
      census.totals.oracle_live, counts.tasks, apart));
}

Status TaskTable::fold(Census census, EventSummary events,
                       const ParkLookup& parks) {
  Impl& self = *impl_;
  TRY(check_census(census, self.names.sizes(), self.store));
  if (census.full) self.begin_anew();
  self.names.append(std::move(census.tables));
  self.names.name_pcs(census.named_pcs);
  self.events = std::move(events);
  self.born = 0;
  self.lookups = 0;
  if (census.full) self.users = 0;
  self.fold_late_parks(parks);
  if (census.full) self.expect(census);
  self.fold_tasks(census, parks);
  self.former.clear();
  self.fold_bounds(census);
  self.fold_torn(census);
  self.store.pack();
  self.begin_ns = census.begin_ns;
  self.end_ns = census.end_ns;
  self.fold_counts(census);
  self.fold_coverage(census);
  return {};
}

std::vector<std::uint64_t> TaskTable::pcs_to_name(
    const EventSummary& events) const {
  std::unordered_set<std::uint64_t> asked;
  std::vector<std::uint64_t> pcs;
  const auto ask = [&](std::uint64_t pc) {
    if (pcs.size() == kMaxPcsToName || impl_->names.frame_of(pc)) return;
    if (asked.insert(pc).second) pcs.push_back(pc);
  };
  for (const EventSite& site : events.sites) ask(site.pc);
  for (const EventWaits& waits : events.waits) ask(waits.pc);
  return pcs;
}

// --- freezing ----------------------------------------------------------------

void TaskTable::Impl::forget_idle_sites() {
  if (sites.size() < kIdleSites) return;
  std::unordered_set<std::uint32_t> used;
  store.each([&](const Task& task) {
    if (!task.system) used.insert(task.site.value);
  });
  if (used.size() > sites.size() / 4) return;
  sites.clear();
  store.each([this](Task& task) {
    if (!task.system) task.site = sites.intern(task, names);
  });
}

void TaskTable::Impl::count_states(Snapshot& snapshot) {
  Counts& frozen = snapshot.counts;
  if (frozen.count_only)
    frozen.by_state[static_cast<std::size_t>(TaskState::kUnknown)] =
        frozen.tasks;
  sites.begin_count();
  store.each([&](const Task& task) {
    if (task.system) return;
    sites.add(task);
    const TaskState state = task.torn ? TaskState::kUnknown : task.state;
    ++frozen.by_state[static_cast<std::size_t>(state)];
    if (state != TaskState::kBlocked) return;
    const WaitKind kind = task.reason.valid()
                              ? names.tables().reasons[task.reason.value].kind
                              : WaitKind::kUnknown;
    ++frozen.blocked_by_kind[static_cast<std::size_t>(kind)];
  });
}

void TaskTable::Impl::copy_tasks(Snapshot& snapshot) {
  snapshot.tasks.reserve(store.live());
  store.each([&](const Task& task) {
    Task& copy = snapshot.tasks.emplace_back(task);
    if (!task.system) copy.site = sites.place(task.site);
    if (!task.torn) return;
    copy.state = TaskState::kUnknown;
    copy.reason = ReasonId::none();
    copy.wait = WaitStart{};
    copy.wait_count = 0;
  });
}

std::shared_ptr<const Snapshot> TaskTable::freeze(std::int64_t wall_offset) {
  Impl& self = *impl_;
  self.forget_idle_sites();
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->epoch = ++self.epoch;
  snapshot->taken_ns = self.begin_ns;
  snapshot->taken_unix_ns = self.begin_ns + wall_offset;
  snapshot->duration_ns = self.end_ns - self.begin_ns;
  snapshot->target = self.target;
  snapshot->coverage = self.coverage;
  snapshot->counts = self.counts;
  self.count_states(*snapshot);
  snapshot->sites =
      self.sites.list(self.names, join_sites(self.events, self.names));
  self.copy_tasks(*snapshot);
  snapshot->waits = self.store.waits();
  snapshot->objects = self.store.objects().sorted();
  snapshot->wait_series = join_waits(self.events, self.names);
  snapshot->events = self.events;
  snapshot->tables = self.names.share();
  return snapshot;
}

TaskTable::TaskTable(TargetInfo target)
    : impl_(std::make_unique<Impl>(std::move(target))) {}
TaskTable::TaskTable(TaskTable&&) noexcept = default;
TaskTable& TaskTable::operator=(TaskTable&&) noexcept = default;
TaskTable::~TaskTable() = default;

}  // namespace taskleak
