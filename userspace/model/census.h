// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// A census: what one walk of a target's memory says of its tasks. Plain data
// that crosses the pipe from the reader child, so all of it is to be checked
// before belief. It is incremental: tasks that did not change since the census
// before are only counted; a task is known by its slot, a small number that
// stays its own until it ends (Go: the index in allgs).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "model/task.h"

namespace taskleak {

/// One task that is new or has changed since the census before.
struct CensusTask {
  std::uint32_t slot = 0;
  TaskState state = TaskState::kUnknown;
  bool system = false;         ///< of the runtime itself; counted apart
  bool new_life = false;       ///< a new task in this slot, not the known one
  std::uint8_t run_count = 0;  ///< low 8 bits of "times it left running"
  std::uint64_t raw_id = 0;
  std::uint64_t parent_raw_id = 0;  ///< 0 = not known
  std::uint64_t record = 0;  ///< address of the task's own record (Go: g)
  ReasonId reason;           ///< valid while blocked
  FrameId created_at;        ///< none when not known
  StackId stack;             ///< none when not read
  LabelsId labels;           ///< none when there are none
  /// The wait began within [earliest, latest], by the runtime's own record;
  /// both 0 when it says nothing. CLOCK_MONOTONIC.
  std::int64_t wait_earliest_ns = 0;
  std::int64_t wait_latest_ns = 0;
  std::int64_t deadline_ns = 0;  ///< when the wait ends by itself, 0 = none
  std::vector<ObjectRef> waits_on;
};

/// The runtime's record of when a wait began, learned while the task went on
/// waiting.
struct CensusWaitBound {
  std::uint32_t slot = 0;
  std::int64_t wait_earliest_ns = 0;
  std::int64_t wait_latest_ns = 0;
};

/// New entries of the interning tables. Entry i of `frames` has the id
/// `first_frame + i`, and so on: ids only grow, so the receiver appends. A
/// reason's id is the runtime's raw code: the first census sends all reasons.
struct CensusTables {
  std::uint32_t first_frame = 0;
  std::uint32_t first_stack = 0;
  std::uint32_t first_labels = 0;
  std::uint32_t first_reason = 0;
  std::vector<Frame> frames;
  std::vector<std::vector<FrameId>> stacks;  ///< innermost frame first
  std::vector<Labels> labels;
  std::vector<WaitReason> reasons;
};

/// Exact totals from the runtime's own counters, read with the walk.
struct CensusTotals {
  /// Tasks ever created in this process, system tasks included.
  std::uint64_t created = 0;
  /// Whether `created` comes from the runtime's counter. False: not known.
  bool created_exact = false;
  /// The runtime's own count of live tasks, system ones left out, -1 when it
  /// keeps none: an oracle for the walk, not its result.
  std::int64_t oracle_live = -1;
  /// How many tasks were created while the walk went on: no count of a running
  /// target can be surer than this.
  std::uint64_t created_during_walk = 0;
  /// How many ended meanwhile, as far as the runtime's counters tell
  /// (created_during_walk, less what its own live count grew by); 0 when they
  /// do not.
  std::uint64_t ended_during_walk = 0;
};

/// Result of one walk, or a part of it: a walk over many tasks comes in parts,
/// so that nobody has to hold the whole. All parts carry the same runtime, full
/// and begin_ns; a part's tables, tasks, objects and slots are those that no
/// part before it had, and end_ns is when the last of them was read. What is of
/// the whole walk (unchanged, totals, notes) is in the last part.
struct Census {
  std::uint32_t part = 0;    ///< counted from 0
  bool last = true;          ///< no part follows
  std::uint8_t runtime = 0;  ///< index into Detection::runtimes
  bool full = false;         ///< nothing is kept from before: a first walk
  /// The runtime's own count is all that can be had: oracle_live is it, no
  /// task is listed, and `created` is not known. Such a census is full.
  bool count_only = false;
  std::int64_t begin_ns = 0;
  std::int64_t end_ns = 0;
  std::vector<CensusTask> changed;  ///< each slot at most once
  std::vector<CensusWaitBound> bounds;
  std::vector<std::uint32_t> ended;  ///< slots whose task is no more
  std::vector<std::uint32_t> torn;   ///< slots that changed under every retry
  /// Tasks known from before that stand in none of the three lists. The
  /// receiver holds it against what it knows itself: both must agree.
  std::uint64_t unchanged = 0;
  std::vector<WaitObject> objects;  ///< facts of objects in `changed`
  CensusTotals totals;
  CensusTables tables;
  /// Answers to CensusRequest::name_pcs: where a created task says that
  /// `created_at` is frame F, its raw address gets the same F.
  std::vector<std::pair<std::uint64_t, FrameId>> named_pcs;
  /// What could not be had, in words for a person, each with its effect.
  std::vector<std::string> notes;
};

}  // namespace taskleak
