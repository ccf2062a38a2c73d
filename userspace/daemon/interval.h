// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// How long to wait from one epoch to the next, so that the daemon stays within
// its budget: an epoch's cost grows with the target, and clients that scrape
// cost as well. Pure; the collector measures.
#pragma once

#include <cstdint>
#include <string_view>

namespace taskleak {

/// However dear an epoch is, a person gets a new one at least this often.
inline constexpr std::int64_t kLongestIntervalNs = 60'000'000'000;

/// Of the budget, kept for epochs whatever clients cost: who asks all the time
/// makes epochs half as frequent, and never stops them.
inline constexpr double kLeastEpochShare = 0.5;

/// What decides over the interval.
enum class IntervalReason : std::uint8_t {
  kAsked,    ///< --interval
  kBudget,   ///< an epoch more often would cost more than --overhead-budget
  kLongest,  ///< the budget would want it longer than kLongestIntervalNs
};
inline constexpr int kIntervalReasons = 3;
/// "asked", "budget", "longest".
std::string_view interval_reason_name(IntervalReason reason);

struct IntervalFacts {
  std::int64_t asked_ns = 0;
  double budget = 0;  ///< share of one core; 0 = no budget
  /// CPU time of the last epoch, readers included.
  std::int64_t epoch_cpu_ns = 0;
  /// Share of one core that went into all else since the epoch before.
  double other_ratio = 0;
};

struct Interval {
  std::int64_t ns = 0;
  IntervalReason reason = IntervalReason::kAsked;
};

/// The shortest interval, from the one asked for up to the longest, at which an
/// epoch fits into what all else leaves of the budget (at least
/// kLeastEpochShare of it).
Interval next_interval(const IntervalFacts& facts);

}  // namespace taskleak
