// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Belief in a census is earned here, part by part and before anything of the
// part changes the table: it comes from a child that read hostile bytes. What
// passes can be folded with every index used unchecked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "model/census.h"
#include "model/task_store.h"

namespace taskleak {

/// What the table holds, which a census must continue.
struct KnownSizes {
  std::size_t runtimes = 0;
  std::size_t frames = 0;
  std::size_t stacks = 0;
  std::size_t labels = 0;
  std::size_t reasons = 0;
};

/// Marks slots as seen.
class SlotMarks {
 public:
  /// False when it was marked already.
  bool mark(std::uint32_t slot) {
    if (slot >= seen_.size()) seen_.resize(slot + 1);
    if (seen_[slot]) return false;
    return seen_[slot] = true;
  }

 private:
  std::vector<bool> seen_;
};

/// What was seen of a census so far, over its parts.
class CensusProgress {
 public:
  /// Checks the next part. kCorrupt: it is not the next one, or its ids, slots,
  /// sizes or counts do not fit together or with what is known (first part of a
  /// full census: with nothing). kLimit: a bound of TaskTable is exceeded.
  Status check(const Census& part, const KnownSizes& known,
               const TaskStore& store);
  /// No part was taken in, or the last one was.
  bool whole() const { return whole_; }

 private:
  Status check_order(const Census& part) const;
  void begin(const Census& part, const TaskStore& store);
  Status check_slots(const Census& part, const TaskStore& store);

  bool whole_ = true;
  std::uint32_t parts_ = 0;
  bool full_ = false;
  std::uint8_t runtime_ = 0;
  std::int64_t begin_ns_ = 0;
  std::int64_t end_ns_ = 0;  ///< of the part before
  SlotMarks changed_;
  SlotMarks mentioned_;
  std::uint64_t known_before_ = 0;     ///< tasks in the table at the start
  std::uint64_t known_mentioned_ = 0;  ///< of them, in a part's lists
};

}  // namespace taskleak
