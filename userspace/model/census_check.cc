// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The checks of census_check.h: tables first, since tasks point into them,
// then slots, then the one count that both sides know.
#include "model/census_check.h"

#include <string>

#include "model/task_table.h"

namespace taskleak {
namespace {

std::unexpected<Error> corrupt(const char* what) {
  return fail(Errc::kCorrupt, std::string("census: ") + what);
}

std::unexpected<Error> limit(const char* what) {
  return fail(Errc::kLimit,
              std::string("census: more ") + what + " than the model holds");
}

template <class Id>
bool within(Id id, std::size_t size) {
  return !id.valid() || id.value < size;
}

/// Sizes of the tables once the census is in.
KnownSizes sizes_after(const CensusTables& tables, const KnownSizes& base) {
  return {base.runtimes, base.frames + tables.frames.size(),
          base.stacks + tables.stacks.size(),
          base.labels + tables.labels.size(),
          base.reasons + tables.reasons.size()};
}

Status check_count_only(const Census& census) {
  if (!census.full || !census.changed.empty() || !census.torn.empty() ||
      census.unchanged != 0 || census.totals.created_exact)
    return corrupt("it is only a count, and lists tasks");
  if (census.totals.oracle_live < 0) return corrupt("a count of nothing");
  if (census.totals.oracle_live > TaskTable::kMaxTasks) return limit("tasks");
  return {};
}

Status check_tables(const CensusTables& tables, const KnownSizes& base,
                    const KnownSizes& after) {
  if (tables.first_frame != base.frames || tables.first_stack != base.stacks ||
      tables.first_labels != base.labels || tables.first_reason != base.reasons)
    return corrupt("tables do not continue those known");
  if (after.frames > TaskTable::kMaxFrames) return limit("frames");
  if (after.stacks > TaskTable::kMaxStacks) return limit("stacks");
  if (after.labels > TaskTable::kMaxLabelSets) return limit("label sets");
  if (after.reasons > TaskTable::kMaxReasons) return limit("wait reasons");
  for (const Frame& frame : tables.frames)
    if (frame.owner > FrameOwner::kRuntime) return corrupt("bad frame owner");
  for (const WaitReason& reason : tables.reasons)
    if (reason.kind > WaitKind::kUnknown) return corrupt("bad wait kind");
  for (const std::vector<FrameId>& stack : tables.stacks) {
    if (stack.size() > TaskTable::kMaxStackFrames)
      return limit("frames of one stack");
    for (const FrameId frame : stack)
      if (frame.value >= after.frames) return corrupt("bad frame of a stack");
  }
  return {};
}

Status check_task(const CensusTask& task, const KnownSizes& after) {
  if (task.slot >= TaskTable::kMaxTasks) return limit("tasks");
  if (task.state > TaskState::kUnknown) return corrupt("bad task state");
  if (!within(task.reason, after.reasons) ||
      !within(task.created_at, after.frames) ||
      !within(task.stack, after.stacks) || !within(task.labels, after.labels))
    return corrupt("a task points outside the tables");
  if (task.waits_on.size() > TaskTable::kMaxWaitsOn)
    return limit("wait objects of one task");
  for (const ObjectRef& ref : task.waits_on)
    if (ref.kind > WaitKind::kUnknown) return corrupt("bad kind of object");
  return {};
}

/// Marks slots as seen; false when one comes twice.
class SlotMarks {
 public:
  bool mark(std::uint32_t slot) {
    if (slot >= seen_.size()) seen_.resize(slot + 1);
    if (seen_[slot]) return false;
    return seen_[slot] = true;
  }

 private:
  std::vector<bool> seen_;
};

Status check_tasks(const Census& census, const KnownSizes& after) {
  SlotMarks changed;
  for (const CensusTask& task : census.changed) {
    TRY(check_task(task, after));
    if (!changed.mark(task.slot)) return corrupt("a slot changed twice");
  }
  for (const CensusWaitBound& bound : census.bounds)
    if (bound.slot >= TaskTable::kMaxTasks) return limit("tasks");
  return {};
}

/// Checks `ended` and `torn`, and that `unchanged` counts what is left of the
/// tasks known: a sign that both sides know the same.
Status check_slots(const Census& census, const TaskStore& store) {
  SlotMarks seen;
  std::uint64_t mentioned = 0;
  const auto note = [&](std::uint32_t slot) {
    mentioned += seen.mark(slot) && store.find(slot) != nullptr ? 1 : 0;
  };
  for (const std::uint32_t slot : census.ended) {
    if (slot >= TaskTable::kMaxTasks) return limit("tasks");
    note(slot);
  }
  for (const std::uint32_t slot : census.torn) {
    if (slot >= TaskTable::kMaxTasks) return limit("tasks");
    note(slot);
  }
  for (const CensusTask& task : census.changed) note(task.slot);
  if (!census.full && store.live() - mentioned != census.unchanged)
    return corrupt("its count of unchanged tasks is not ours");
  return {};
}

}  // namespace

Status check_census(const Census& census, const KnownSizes& known,
                    const TaskStore& store) {
  if (census.runtime >= known.runtimes) return corrupt("unknown runtime");
  if (census.begin_ns <= 0 || census.end_ns < census.begin_ns)
    return corrupt("it ends before it begins");
  if (census.count_only) {
    TRY(check_count_only(census));
  }
  const KnownSizes base =
      census.full ? KnownSizes{.runtimes = known.runtimes} : known;
  const KnownSizes after = sizes_after(census.tables, base);
  TRY(check_tables(census.tables, base, after));
  TRY(check_tasks(census, after));
  for (const WaitObject& object : census.objects)
    if (object.ref.kind > WaitKind::kUnknown)
      return corrupt("bad kind of object");
  for (const auto& [pc, frame] : census.named_pcs)
    if (!within(frame, after.frames)) return corrupt("bad frame of an address");
  return check_slots(census, store);
}

}  // namespace taskleak
