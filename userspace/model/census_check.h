// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Belief in a census is earned here, wholly and before anything changes: it
// comes from a child that read hostile bytes. What passes can be folded with
// every index used unchecked.
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

/// kCorrupt: ids, slots, sizes or counts do not fit together or with what is
/// known (a full census: with nothing). kLimit: a bound of TaskTable is
/// exceeded.
Status check_census(const Census& census, const KnownSizes& known,
                    const TaskStore& store);

}  // namespace taskleak
