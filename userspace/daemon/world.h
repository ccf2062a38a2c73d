// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// What the collector publishes for the server: the newest report of every
// target, and what there is to say of targets without one. Immutable.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/interval.h"
#include "verdict/judge.h"

namespace taskleak {

struct World {
  std::vector<std::shared_ptr<const Report>> reports;  ///< by pid
  std::map<std::int32_t, std::string> down;  ///< pid -> why there is no report
  std::size_t targets = 0;
  Interval interval;  ///< between epochs now
  std::int64_t daemon_start_unix_ns = 0;
  std::int64_t last_epoch_ns = 0;  ///< CLOCK_MONOTONIC; 0: none yet
};

}  // namespace taskleak
