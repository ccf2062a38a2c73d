// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// What events say of one target: running totals since attach, read from the
// kernel's maps once an epoch. They add history to the census and can never
// make a count drift. Plain data; kernel/ fills it, model/ folds it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/task.h"

namespace taskleak {

/// Wait durations, by powers of two of a microsecond: bucket i counts waits
/// shorter than 2^(i+1) us and not shorter than 2^i us (the first: any
/// shorter; the last: any longer).
struct WaitHistogram {
  static constexpr int kBuckets = 28;
  std::uint64_t count = 0;
  std::uint64_t sum_ns = 0;
  std::array<std::uint64_t, kBuckets> buckets{};
};

/// Totals since attach for one creation site (a raw code address).
struct EventSite {
  std::uint64_t pc = 0;
  std::uint64_t created = 0;
  std::uint64_t ended = 0;
};

/// Waits that ended, by creation site and the runtime's raw reason code.
struct EventWaits {
  std::uint64_t pc = 0;
  std::uint64_t raw_reason = 0;
  WaitHistogram histogram;
};

/// The last park that a probe saw of one task.
struct EventPark {
  std::int64_t start_ns = 0;
  std::uint64_t raw_id = 0;
  std::uint32_t raw_reason = 0;
  std::uint8_t run_count = 0;  ///< before the park; the census shows one more
};

/// State of one probe, for coverage and taskleak_probe_attached.
struct ProbeStatus {
  std::string name;
  bool attached = false;
  std::string why;  ///< why not: refused, missing, "over budget until ..."
  std::uint64_t hits = 0;
};

/// All that events say of one target at one moment.
struct EventSummary {
  std::int64_t taken_ns = 0;
  /// Lifecycle probes have been attached without a gap since
  /// `lifecycle_since_ns` (0: not attached now); totals below count from there
  /// on and start anew after a gap.
  std::int64_t lifecycle_since_ns = 0;
  std::int64_t wait_since_ns = 0;
  std::uint64_t created = 0;
  std::uint64_t ended = 0;
  std::vector<EventSite> sites;
  std::vector<EventWaits> waits;
  /// Events lost since we attached, by stage: "site_map_full",
  /// "park_map_full", "wait_map_full", "read_fault", "recursion".
  std::map<std::string, std::uint64_t> lost;
  std::vector<ProbeStatus> probes;
  double daemon_overhead_ratio = 0;  ///< of one core, since the last summary
  double target_overhead_ratio = 0;  ///< calibrated cost x hits, of one core
  double cost_per_hit_ns = 0;
};

}  // namespace taskleak
