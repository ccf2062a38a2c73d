// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Folds epochs into the table and freezes them. A fold touches only what the
// census says has changed; freezing is one cheap pass over the waits. What to
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

/// When a probe saw this very wait begin; nothing when none did.
std::optional<std::int64_t> park_start(const ParkLookup& parks,
                                       const Task& task) {
  const std::optional<EventPark> park = parks(task.record);
  if (!park || !same_park(*park, task.id.raw, task.reason, task.run_count))
    return std::nullopt;
  return park->start_ns;
}

/// The facts of objects that a part of a census gives, by ref.
class Facts {
 public:
  explicit Facts(std::vector<WaitObject> objects)
      : objects_(std::move(objects)) {
    std::ranges::stable_sort(objects_, {}, &WaitObject::ref);
  }
  WaitObject of(const ObjectRef& ref) const {
    const auto after =
        std::ranges::upper_bound(objects_, ref, {}, &WaitObject::ref);
    if (after == objects_.begin() || std::prev(after)->ref != ref)
      return {.ref = ref};
    return *std::prev(after);
  }

 private:
  std::vector<WaitObject> objects_;
};

std::uint64_t sum_of(const std::map<std::string, std::uint64_t>& counts) {
  std::uint64_t sum = 0;
  for (const auto& [stage, count] : counts) sum += count;
  return sum;
}

}  // namespace

struct TaskTable::Impl {
  explicit Impl(TargetInfo info)
      : names(info.runtimes), target(std::move(info)) {}

  void begin(const Census& part);
  void begin_anew();
  void fold_tasks(const Census& part, const Facts& facts);
  void fold_task(const Census& part, const CensusTask& now, const Facts& facts);
  std::optional<Task> before(const CensusTask& now,
                             const std::optional<Task>& in_slot) const;
  void count_life(const std::optional<Task>& before, const Task& now);
  void fold_bounds(const Census& part);
  void fold_torn();
  void fold_parks(const ParkLookup& parks);
  void fold_park(std::uint32_t slot, const ParkLookup& parks);
  void fold_counts();
  void fold_coverage();
  WaitStart wait_of(const Census& part, const CensusTask& now,
                    const std::optional<Task>& before);
  std::int64_t last_good_ns(std::uint32_t slot) const;
  SiteId site_of(const Task& task) { return sites.intern(task, names); }
  std::uint32_t next_epoch() const {
    return static_cast<std::uint32_t>(epoch + 1);
  }
  void forget_idle_sites();
  void count_states(Snapshot& snapshot);

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
  std::uint64_t system_ever = 0;

  /// Slots torn at the last walk, with the begin of the last walk that read
  /// them well (0 = none).
  std::unordered_map<std::uint32_t, std::int64_t> torn_since;
  /// Slots whose park nobody had time to ask for.
  std::vector<std::uint32_t> late_parks;

  // --- of the census that is being folded ---
  CensusProgress progress;
  Census last;              ///< its last part, less the lists
  std::uint64_t born = 0;   ///< user tasks first seen with it
  std::uint64_t ended = 0;  ///< slots it said so of
  std::vector<std::uint32_t> torn;
  std::vector<std::uint32_t> parked;  ///< slots to ask the park of
  /// While it is a full one: the former tasks, and their slots by raw id.
  TaskStore former;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> former_slots;
};

// --- folding -----------------------------------------------------------------

void TaskTable::Impl::begin(const Census& part) {
  born = ended = 0;
  torn.clear();
  parked.clear();
  for (const auto& [slot, since] : torn_since)
    if (store.has(slot)) store.set_torn(slot, false);
  if (part.full) begin_anew();
}

void TaskTable::Impl::begin_anew() {
  former_slots = store.by_raw_id();
  former = std::exchange(store, TaskStore(store.order() + 1));
  names.clear();
  sites.clear();
  late_parks.clear();
}

std::optional<Task> TaskTable::Impl::before(
    const CensusTask& now, const std::optional<Task>& in_slot) const {
  const auto found = std::ranges::lower_bound(
      former_slots, std::pair(now.raw_id, std::uint32_t{0}));
  if (found != former_slots.end() && found->first == now.raw_id)
    return former.find(found->second);
  const bool same_life =
      in_slot && !now.new_life && in_slot->id.raw == now.raw_id;
  return same_life ? in_slot : std::nullopt;
}

/// The begin of the last walk that read this slot well, or found it empty.
std::int64_t TaskTable::Impl::last_good_ns(std::uint32_t slot) const {
  const auto torn = torn_since.find(slot);
  const std::int64_t last = torn == torn_since.end() ? begin_ns : torn->second;
  return last > 0 ? last : target.start_monotonic_ns;
}

WaitStart TaskTable::Impl::wait_of(const Census& part, const CensusTask& now,
                                   const std::optional<Task>& before) {
  if (now.state != TaskState::kBlocked) return {};
  WaitWitnesses witnesses{.known = {},
                          .not_yet_ns = last_good_ns(now.slot),
                          .seen_ns = part.end_ns,
                          .runtime_earliest_ns = now.wait_earliest_ns,
                          .runtime_latest_ns = now.wait_latest_ns,
                          .event_ns = {}};
  if (before && is_same_wait(*before, now)) witnesses.known = before->wait;
  const WaitStart wait = reconcile_wait(witnesses);
  if (wait.source != WaitStartSource::kEvent) parked.push_back(now.slot);
  return wait;
}

/// Keeps the numbers of lives true when `now` follows `before` (none: a new
/// life).
void TaskTable::Impl::count_life(const std::optional<Task>& before,
                                 const Task& now) {
  if (!before) {
    now.system ? ++system_ever : ++born;
  } else if (before->system != now.system) {
    now.system ? ++system_ever : --system_ever;
  }
}

void TaskTable::Impl::fold_task(const Census& part, const CensusTask& now,
                                const Facts& facts) {
  const std::optional<Task> in_slot = store.find(now.slot);
  const std::optional<Task> known = before(now, in_slot);
  const bool blocked = now.state == TaskState::kBlocked;
  Task task{.id = {now.raw_id, 0, part.runtime},
            .state = now.state,
            .system = now.system,
            .torn = false,
            .ran_since_last = !known || !did_not_run(*known, now),
            .run_count = now.run_count,
            .reason = blocked ? now.reason : ReasonId::none(),
            .created_at = now.created_at,
            .stack = now.stack,
            .labels = now.labels,
            .site = {},
            .parent_raw_id = now.parent_raw_id,
            .record = now.record,
            .wait = wait_of(part, now, known),
            .deadline_ns = now.deadline_ns};
  if (known)
    task.id.generation = known->id.generation;
  else if (in_slot && in_slot->id.raw == now.raw_id)
    task.id.generation = in_slot->id.generation + 1;
  count_life(known, task);
  std::vector<WaitObject> waits_on;
  waits_on.reserve(now.waits_on.size());
  for (const ObjectRef& ref : now.waits_on) waits_on.push_back(facts.of(ref));
  store.put(now.slot, task, waits_on, next_epoch(),
            [this](const Task& of_new_shape) { return site_of(of_new_shape); });
}

void TaskTable::Impl::fold_tasks(const Census& part, const Facts& facts) {
  ended += part.ended.size();
  for (const std::uint32_t slot : part.ended) store.remove(slot);
  for (const CensusTask& task : part.changed) fold_task(part, task, facts);
  torn.insert(torn.end(), part.torn.begin(), part.torn.end());
}

void TaskTable::Impl::fold_bounds(const Census& part) {
  for (const CensusWaitBound& bound : part.bounds) {
    const std::optional<Task> task = store.find(bound.slot);
    if (!task || task->state != TaskState::kBlocked) continue;
    store.set_wait(
        bound.slot,
        reconcile_wait({.known = task->wait,
                        .not_yet_ns = 0,
                        .seen_ns = part.end_ns,
                        .runtime_earliest_ns = bound.wait_earliest_ns,
                        .runtime_latest_ns = bound.wait_latest_ns,
                        .event_ns = {}}));
  }
}

void TaskTable::Impl::fold_torn() {
  std::unordered_map<std::uint32_t, std::int64_t> now_torn;
  for (const std::uint32_t slot : torn) {
    const auto earlier = torn_since.find(slot);
    now_torn[slot] = earlier == torn_since.end() ? begin_ns : earlier->second;
    if (store.has(slot)) store.set_torn(slot, true);
  }
  torn_since = std::move(now_torn);
}

void TaskTable::Impl::fold_park(std::uint32_t slot, const ParkLookup& parks) {
  const std::optional<Task> task = store.find(slot);
  if (!task || task->state != TaskState::kBlocked) return;
  store.set_wait(slot, reconcile_wait({.known = task->wait,
                                       .not_yet_ns = 0,
                                       .seen_ns = end_ns,
                                       .runtime_earliest_ns = 0,
                                       .runtime_latest_ns = 0,
                                       .event_ns = park_start(parks, *task)}));
}

void TaskTable::Impl::fold_parks(const ParkLookup& parks) {
  if (!parks || events.wait_since_ns == 0) {
    late_parks.clear();
    parked = {};
    return;
  }
  for (std::size_t i = 0; i < kMaxLateParkLookups && !late_parks.empty(); ++i) {
    fold_park(late_parks.back(), parks);
    late_parks.pop_back();
  }
  std::size_t asked = 0;
  for (const std::uint32_t slot : std::exchange(parked, {})) {
    const std::optional<Task> task = store.find(slot);
    // It began before the probes came.
    const bool too_old = task &&
                         task->wait.source == WaitStartSource::kRuntime &&
                         latest_start_ns(task->wait) < events.wait_since_ns;
    if (!task || too_old) continue;
    if (asked == kMaxParkLookups) {
      late_parks.push_back(slot);
    } else {
      ++asked;
      fold_park(slot, parks);
    }
  }
}

void TaskTable::Impl::fold_counts() {
  if (last.count_only) {
    counts = {.count_only = true,
              .tasks = static_cast<std::uint64_t>(last.totals.oracle_live),
              .uncertainty = last.totals.created_during_walk};
    return;
  }
  std::uint64_t users = 0;
  store.each_shape([&users](const TaskShape& shape, std::uint64_t tasks) {
    if (!shape.system) users += tasks;
  });
  ledger.fold({.tasks = users,
               .system_tasks = store.live() - users,
               .born = born,
               .system_ever = system_ever,
               .torn = torn.size(),
               .totals = last.totals},
              events, counts);
}

void TaskTable::Impl::fold_coverage() {
  const bool lost = sum_of(events.lost) > sum_of(coverage.lost_events);
  coverage.torn_tasks = torn.size();
  coverage.torn_tasks_total += torn.size();
  coverage.complete = torn.empty() && !lost && !last.count_only;
  coverage.lost_events = events.lost;
  coverage.probes = events.probes;
  coverage.notes = std::move(last.notes);
  if (last.count_only) return;
  const std::uint64_t apart = unexplained(counts, last.totals, ended);
  if (apart == 0) return;
  coverage.complete = false;
  coverage.notes.push_back(fmt::format(
      "the runtime's own count of tasks is {}, the walk found {}: {} more "
      "apart than tasks that came and went explain",
      last.totals.oracle_live, counts.tasks, apart));
}

Status TaskTable::fold_part(Census part) {
  Impl& self = *impl_;
  TRY(self.progress.check(part, self.names.sizes(), self.store));
  if (part.part == 0) self.begin(part);
  self.names.append(std::move(part.tables));
  self.names.name_pcs(part.named_pcs);
  self.fold_tasks(part, Facts(std::move(part.objects)));
  self.fold_bounds(part);
  if (!part.last) return {};
  part.changed = {};
  part.bounds = {};
  self.last = std::move(part);
  return {};
}

void TaskTable::finish(EventSummary events, const ParkLookup& parks) {
  Impl& self = *impl_;
  INVARIANT(self.progress.whole());
  self.events = std::move(events);
  self.former = TaskStore();
  self.former_slots = {};
  self.end_ns = self.last.end_ns;
  self.fold_parks(parks);
  self.fold_torn();
  self.store.pack();
  self.begin_ns = self.last.begin_ns;
  self.fold_counts();
  self.fold_coverage();
}

Status TaskTable::fold(Census census, EventSummary events,
                       const ParkLookup& parks) {
  TRY(fold_part(std::move(census)));
  finish(std::move(events), parks);
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
  store.each_shape([&used](const TaskShape& shape, std::uint64_t) {
    if (!shape.system) used.insert(shape.site.value);
  });
  if (used.size() > sites.size() / 4) return;
  sites.clear();
  store.renew_sites([this](const Task& task) { return site_of(task); });
}

/// Of all tasks but the waits' starts by what they have in common: as dear as
/// there are shapes, however many tasks.
void TaskTable::Impl::count_states(Snapshot& snapshot) {
  Counts& frozen = snapshot.counts;
  if (frozen.count_only)
    frozen.by_state[static_cast<std::size_t>(TaskState::kUnknown)] =
        frozen.tasks;
  const auto add = [&](TaskState state, ReasonId reason, std::uint64_t tasks) {
    frozen.by_state[static_cast<std::size_t>(state)] += tasks;
    if (state != TaskState::kBlocked) return;
    const WaitKind kind = reason.valid()
                              ? names.tables().reasons[reason.value].kind
                              : WaitKind::kUnknown;
    frozen.blocked_by_kind[static_cast<std::size_t>(kind)] += tasks;
  };
  sites.begin_count();
  store.each_shape([&](const TaskShape& shape, std::uint64_t tasks) {
    if (shape.system) return;
    sites.add(shape.site, tasks);
    add(shape.state, shape.reason, tasks);
  });
  for (const auto& [slot, since] : torn_since) {
    const std::optional<Task> task = store.find(slot);
    if (!task || task->system) continue;
    add(task->state, task->reason, std::uint64_t{0} - 1);
    add(TaskState::kUnknown, {}, 1);
  }
  store.each_wait(
      [this](SiteId site, const WaitStart& wait) { sites.add(site, wait); });
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
  snapshot->tasks = self.store.share(static_cast<std::uint32_t>(self.epoch),
                                     self.sites.places());
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
