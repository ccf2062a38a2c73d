// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// What is remembered of every task that was once held for a leak, by its id.
// Asked for each suspect at each epoch, and made anew after each (the dead are
// forgotten that way), so it lies flat in memory: open addressing, linear
// probing, at most half full.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/task.h"
#include "verdict/judge.h"

namespace taskleak {

struct Past {
  TaskId id;
  std::uint8_t reached = 0;  ///< a bit for each verdict it ever had, 0 = free
  Verdict verdict = Verdict::kUnknown;  ///< the last one
  std::uint8_t run_count = 0;  ///< of the wait that the verdict is about
};

class PastTable {
 public:
  /// Room for `count` tasks.
  explicit PastTable(std::size_t count = 0)
      : entries_(count == 0 ? 0 : std::bit_ceil(2 * count)) {}

  /// nullptr when nothing is remembered of it.
  const Past* find(const TaskId& id) const {
    if (entries_.empty()) return nullptr;
    const Past& entry = entries_[slot_of(id)];
    return entry.reached == 0 ? nullptr : &entry;
  }
  /// `past.reached` is not 0; never more than there is room for.
  void add(const Past& past) { entries_[slot_of(past.id)] = past; }

 private:
  /// Where it is, or the free entry where it belongs.
  std::size_t slot_of(const TaskId& id) const {
    // Ids that follow each other stay neighbours: tasks are asked for in about
    // that order. The shift is for ids that are addresses.
    const std::size_t mask = entries_.size() - 1;
    std::size_t slot =
        (id.raw ^ id.raw >> 9 ^ (std::uint64_t{id.generation} << 4)) & mask;
    while (entries_[slot].reached != 0 && entries_[slot].id != id)
      slot = (slot + 1) & mask;
    return slot;
  }

  std::vector<Past> entries_;
};

}  // namespace taskleak
