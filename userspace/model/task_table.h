// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The one writer of the model. Each epoch it folds a census (truth) and an
// event summary (history) into what it knows, and freezes the result.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/result.h"
#include "model/census.h"
#include "model/snapshot.h"

namespace taskleak {

/// What the daemon asks the kernel's maps for: the last park of the task whose
/// own record lies at this address; nothing when no probe saw it.
using ParkLookup =
    std::function<std::optional<EventPark>(std::uint64_t record)>;

/// Tasks of one target. Not thread-safe: the collector's alone.
class TaskTable {
 public:
  explicit TaskTable(TargetInfo target);
  TaskTable(TaskTable&&) noexcept;
  TaskTable& operator=(TaskTable&&) noexcept;
  ~TaskTable();

  /// Folds one epoch's witnesses: a census in one part, then the events.
  Status fold(Census census, EventSummary events, const ParkLookup& parks);
  /// Folds the next part of a census. It comes from a child that read hostile
  /// bytes: kCorrupt, with nothing of the part taken in, when it is not the
  /// next one or its ids, slots or sizes do not fit together, kLimit when it
  /// exceeds a bound below; ask for a full census then: a table that has taken
  /// in some parts of a census believes no other than a full one. A full census
  /// forgets slots and tables and finds the tasks again by raw id, so that what
  /// is known of their waits stays.
  Status fold_part(Census part);
  /// Ends the epoch: folds the events, after the last part.
  void finish(EventSummary events, const ParkLookup& parks);

  /// Creation sites that events named and no census has named yet: to be asked
  /// of the reader with the next one. At most kMaxPcsToName.
  std::vector<std::uint64_t> pcs_to_name(const EventSummary& events) const;
  static constexpr std::size_t kMaxPcsToName = 4096;

  /// The state as of the last fold, as a snapshot numbered one more than the
  /// last. `wall_offset` is wall time less CLOCK_MONOTONIC.
  std::shared_ptr<const Snapshot> freeze(
      std::int64_t wall_offset = wall_offset_ns());

  /// Upper bounds; a census beyond one is kLimit.
  static constexpr std::uint32_t kMaxTasks = 1U << 24;  ///< slots
  static constexpr std::size_t kMaxFrames = 1U << 20;
  static constexpr std::size_t kMaxStacks = 1U << 21;
  static constexpr std::size_t kMaxLabelSets = 1U << 20;
  static constexpr std::size_t kMaxReasons = 1U << 12;
  static constexpr std::size_t kMaxStackFrames = 1024;
  static constexpr std::size_t kMaxWaitsOn = (1U << 16) - 1;  ///< of a task

  /// Questions to the kernel about parks, a fold: for tasks that changed, and
  /// for those left over from earlier folds. What is left over is asked later.
  static constexpr std::size_t kMaxParkLookups = 1U << 15;
  static constexpr std::size_t kMaxLateParkLookups = 1U << 12;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace taskleak
