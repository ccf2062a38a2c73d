// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// What the tasks of one site wait on, summed up: one object that holds up most
// of them, or one each. Which of the two it is tells a person more than any
// address.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/snapshot.h"

namespace taskleak {

struct SiteObjects {
  std::uint64_t waiters = 0;     ///< tasks that wait on a known object
  std::uint64_t distinct = 0;    ///< objects they wait on
  std::uint32_t most_waits = 0;  ///< objects of one task (select cases)
  WaitObject top;                ///< the one with most waiters, and its facts
  std::uint64_t top_waiters = 0;

  /// More than half of at least two waiters hang on `top`.
  bool dominated() const { return waiters > 1 && top_waiters * 2 > waiters; }
  /// One waiter, or `top` dominates: then `top` stands for the site.
  bool single() const { return waiters == 1 || dominated(); }
};

/// An object as the task at `place` knows it; without facts when it does not
/// wait on it.
WaitObject object_of(const TaskList& tasks, std::uint32_t place,
                     const ObjectRef& ref);
/// One for each of `sites` (indices into snapshot.sites), in their order.
std::vector<SiteObjects> objects_of_sites(const Snapshot& snapshot,
                                          std::span<const std::uint32_t> sites);

}  // namespace taskleak
