// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The policy of interval.h.
#include "daemon/interval.h"

#include <algorithm>

namespace taskleak {

std::string_view interval_reason_name(IntervalReason reason) {
  switch (reason) {
    case IntervalReason::kAsked: return "asked";
    case IntervalReason::kBudget: return "budget";
    case IntervalReason::kLongest: return "longest";
  }
  return "asked";
}

Interval next_interval(const IntervalFacts& facts) {
  if (facts.budget <= 0) return {facts.asked_ns, IntervalReason::kAsked};
  const double left = std::max(facts.budget - facts.other_ratio,
                               facts.budget * kLeastEpochShare);
  const std::int64_t longest = std::max(kLongestIntervalNs, facts.asked_ns);
  const double cost = static_cast<double>(facts.epoch_cpu_ns);
  if (cost / left > static_cast<double>(longest))
    return {longest, longest > facts.asked_ns ? IntervalReason::kLongest
                                              : IntervalReason::kAsked};
  const auto affordable = static_cast<std::int64_t>(cost / left);
  if (affordable <= facts.asked_ns)
    return {facts.asked_ns, IntervalReason::kAsked};
  return {affordable, IntervalReason::kBudget};
}

}  // namespace taskleak
