// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The checks of census_check.h: the order of parts, tables, since tasks point
// into them, then slots, then the one count that both sides know.
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
  if (!census.full || !census.last || census.part != 0)
    return corrupt("it is only a count, and has parts");
  if (!census.changed.empty() || !census.torn.empty() ||
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

Status check_content(const Census& part, const KnownSizes& base) {
  const KnownSizes after = sizes_after(part.tables, base);
  TRY(check_tables(part.tables, base, after));
  for (const CensusTask& task : part.changed) TRY(check_task(task, after));
  for (const CensusWaitBound& bound : part.bounds)
    if (bound.slot >= TaskTable::kMaxTasks) return limit("tasks");
  for (const WaitObject& object : part.objects)
    if (object.ref.kind > WaitKind::kUnknown)
      return corrupt("bad kind of object");
  for (const auto& [pc, frame] : part.named_pcs)
    if (!within(frame, after.frames)) return corrupt("bad frame of an address");
  return {};
}

}  // namespace

Status CensusProgress::check_order(const Census& part) const {
  if (part.begin_ns <= 0 || part.end_ns < part.begin_ns)
    return corrupt("it ends before it begins");
  if (part.part == 0)
    return whole_ || part.full ? Status{}
                               : corrupt("it goes on after one cut short");
  if (whole_ || part.part != parts_) return corrupt("a part is missing");
  if (part.full != full_ || part.runtime != runtime_ ||
      part.begin_ns != begin_ns_ || part.end_ns < end_ns_)
    return corrupt("parts of different walks");
  return {};
}

/// Checks all slots, and with the last part that `unchanged` counts what is
/// left of the tasks known: a sign that both sides know the same.
Status CensusProgress::check_slots(const Census& part, const TaskStore& store) {
  const auto note = [&](std::uint32_t slot) {
    if (mentioned_.mark(slot) && store.has(slot)) ++known_mentioned_;
  };
  for (const CensusTask& task : part.changed) {
    if (!changed_.mark(task.slot)) return corrupt("a slot changed twice");
    note(task.slot);
  }
  for (const auto* slots : {&part.ended, &part.torn})
    for (const std::uint32_t slot : *slots) {
      if (slot >= TaskTable::kMaxTasks) return limit("tasks");
      note(slot);
    }
  if (!part.last || part.full) return {};
  if (known_before_ - known_mentioned_ != part.unchanged)
    return corrupt("its count of unchanged tasks is not ours");
  return {};
}

void CensusProgress::begin(const Census& part, const TaskStore& store) {
  // Whether the table is whole still, the first part decides by passing.
  const bool whole = whole_;
  *this = {};
  whole_ = whole;
  full_ = part.full;
  runtime_ = part.runtime;
  begin_ns_ = part.begin_ns;
  known_before_ = store.live();
}

Status CensusProgress::check(const Census& part, const KnownSizes& known,
                             const TaskStore& store) {
  if (part.runtime >= known.runtimes) return corrupt("unknown runtime");
  TRY(check_order(part));
  if (part.count_only) TRY(check_count_only(part));
  const bool anew = part.full && part.part == 0;
  TRY(check_content(part,
                    anew ? KnownSizes{.runtimes = known.runtimes} : known));
  if (part.part == 0) begin(part, store);
  TRY(check_slots(part, store));
  parts_ = part.part + 1;
  end_ns_ = part.end_ns;
  whole_ = part.last;
  return {};
}

}  // namespace taskleak
