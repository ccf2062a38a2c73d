// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
#include "daemon/interval.h"

#include <doctest/doctest.h>

#include "base/clock.h"

using namespace taskleak;

namespace {

Interval next(std::int64_t epoch_cpu_ms, double other_ratio = 0,
              double budget = 0.01, std::int64_t asked_seconds = 5) {
  return next_interval({.asked_ns = asked_seconds * kNsPerSecond,
                        .budget = budget,
                        .epoch_cpu_ns = epoch_cpu_ms * kNsPerMs,
                        .other_ratio = other_ratio});
}

}  // namespace

TEST_CASE("an epoch that fits the budget comes as often as asked") {
  CHECK(next(49).ns == 5 * kNsPerSecond);
  CHECK(next(49).reason == IntervalReason::kAsked);
  CHECK(next(0, 0.5, 0).reason == IntervalReason::kAsked);
}

TEST_CASE("a dear epoch comes as often as the budget affords") {
  CHECK(next(300).reason == IntervalReason::kBudget);
  CHECK(next(300).ns == doctest::Approx(30e9));
  CHECK(next(300, 0, 0.02).ns == doctest::Approx(15e9));
}

TEST_CASE("what clients cost leaves less for epochs") {
  CHECK(next(100, 0.005).ns == doctest::Approx(20e9));
  CHECK(next(100, 0.005).reason == IntervalReason::kBudget);
  CHECK(next(100, 0.002).ns == doctest::Approx(12.5e9));
}

TEST_CASE("clients that ask all the time do not stop the epochs") {
  CHECK(next(100, 0.9).ns == doctest::Approx(20e9));
  CHECK(next(10, 0.9).reason == IntervalReason::kAsked);
}

TEST_CASE("it is bounded, and longer only when asked for") {
  CHECK(next(900).ns == kLongestIntervalNs);
  CHECK(next(900).reason == IntervalReason::kLongest);
  CHECK(next(900, 0, 0.01, 300).ns == 300 * kNsPerSecond);
  CHECK(next(900, 0, 0.01, 300).reason == IntervalReason::kAsked);
}

TEST_CASE("it comes back when the load falls") {
  CHECK(next(2000).ns == kLongestIntervalNs);
  CHECK(next(20).ns == 5 * kNsPerSecond);
}

TEST_CASE("every reason has its name") {
  CHECK(interval_reason_name(IntervalReason::kAsked) == "asked");
  CHECK(interval_reason_name(IntervalReason::kBudget) == "budget");
  CHECK(interval_reason_name(IntervalReason::kLongest) == "longest");
}
