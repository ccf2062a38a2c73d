// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// A pretended target: so many hits a second of each class while it is attached,
// a microsecond each, so that 10,000 hits/s are 1 % of a core.
#include "kernel/governor.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/clock.h"

using namespace taskleak;

namespace {

constexpr double kBudget = 0.01;

struct Done {
  std::int64_t at_ms = 0;
  ProbeClass probe_class = ProbeClass::kWait;
  bool attach = false;
  std::string why;

  bool operator==(const Done&) const = default;
};

class PretendedTarget {
 public:
  explicit PretendedTarget(double budget = kBudget)
      : governor(budget, {1000, 1000, 1000, 1000}) {}

  /// Runs for `ms` with so many hits a second of the two classes, looked at
  /// every `step_ms`.
  void run(std::int64_t ms, double lifecycle, double wait,
           std::int64_t step_ms = Governor::kTickNs / kNsPerMs) {
    for (const std::int64_t end_ms = now_ms_ + ms; now_ms_ < end_ms;) {
      now_ms_ += step_ms;
      hit(0, lifecycle, step_ms);
      hit(1, wait, step_ms);
      const auto action = governor.tick(now_ms_ * kNsPerMs, hits_, attached);
      if (!action) continue;
      done.push_back(
          {now_ms_, action->probe_class, action->attach, action->why});
      if (!action->attach || attaching_works)
        attached[static_cast<std::size_t>(action->probe_class)] =
            action->attach;
    }
  }
  std::int64_t now_ms() const { return now_ms_; }
  void start_counting_anew() { hits_ = {}; }

  Governor governor;
  std::array<bool, kProbeClasses> attached = {true, true};
  bool attaching_works = true;
  std::vector<Done> done;

 private:
  void hit(std::size_t probe_class, double per_second, std::int64_t step_ms) {
    if (!attached[probe_class]) return;
    hits_[2 * probe_class] += static_cast<std::uint64_t>(
        per_second * static_cast<double>(step_ms) / 1000);
  }
  std::int64_t now_ms_ = 0;
  ProbeHits hits_{};
};

}  // namespace

TEST_CASE("within the budget nothing happens") {
  PretendedTarget target;
  target.run(60'000, 4'000, 5'000);
  CHECK(target.done.empty());
  CHECK(target.governor.target_ratio() == doctest::Approx(0.009));
}

TEST_CASE("two ticks above the budget detach the dearest class") {
  PretendedTarget target;
  target.run(100, 4'000, 20'000);  // the first tick only begins to measure
  target.run(100, 4'000, 20'000);
  CHECK(target.done.empty());
  target.run(100, 4'000, 20'000);
  REQUIRE(target.done.size() == 1);
  CHECK(target.done[0].probe_class == ProbeClass::kWait);
  CHECK_FALSE(target.done[0].attach);
  CHECK(target.done[0].why ==
        "costs 2 % of a core, budget 1 %; next try in 30 s");
  target.run(20'000, 4'000, 20'000);
  CHECK(target.done.size() == 1);
  CHECK(target.attached[0]);
}

TEST_CASE("a single tick above the budget is let pass") {
  PretendedTarget target;
  for (int i = 0; i < 20; ++i) {
    target.run(100, 0, 12'000);
    target.run(100, 0, 3'000);
  }
  CHECK(target.done.empty());
}

TEST_CASE("far above the budget one tick is enough, class by class") {
  PretendedTarget target;
  target.run(300, 150'000, 300'000);
  REQUIRE(target.done.size() == 2);
  CHECK(target.done[0].at_ms == 200);
  CHECK(target.done[0].probe_class == ProbeClass::kWait);
  CHECK(target.done[1].at_ms == 300);
  CHECK(target.done[1].probe_class == ProbeClass::kLifecycle);
}

TEST_CASE(
    "a class that stays too dear is tried ever later, ten minutes at most") {
  PretendedTarget target;
  target.run(3'500'000, 0, 50'000);
  std::vector<std::int64_t> pauses_s;
  for (std::size_t i = 1; i < target.done.size(); ++i)
    if (target.done[i].attach)
      pauses_s.push_back((target.done[i].at_ms - target.done[i - 1].at_ms) /
                         1000);
  CHECK(pauses_s ==
        std::vector<std::int64_t>{30, 60, 120, 240, 480, 600, 600, 600, 600});
}

TEST_CASE("attempts under full load cost less than the budget on average") {
  PretendedTarget target;
  double worst = 0;
  for (int second = 0; second < 1'000; ++second) {
    target.run(1'000, 200'000, 300'000);
    worst = std::max(worst, second > 20 ? target.governor.target_ratio() : 0);
  }
  CHECK(worst < kBudget);
}

TEST_CASE("the cheaper class comes back first, one at a time") {
  PretendedTarget target;
  target.run(1'000, 150'000, 300'000);
  target.done.clear();
  target.run(60'000, 1'000, 1'000);
  REQUIRE(target.done.size() == 2);
  CHECK(target.done[0].probe_class == ProbeClass::kLifecycle);
  CHECK(target.done[0].why == "tried again after 30 s");
  CHECK(target.done[1].at_ms - target.done[0].at_ms >= 1'000);
  CHECK(target.attached[1]);
}

TEST_CASE("no class comes back while the other uses up half the budget") {
  PretendedTarget target;
  target.run(1'000, 8'000, 50'000);
  target.done.clear();
  target.run(120'000, 8'000, 0);
  CHECK(target.done.empty());
  target.run(1'000, 1'000, 0);
  CHECK(target.done.size() == 1);
}

TEST_CASE("after ten calm minutes a class is forgiven") {
  PretendedTarget target;
  target.run(60'000, 0, 50'000);  // detached twice: pauses of 30 and 60 s
  target.run(700'000, 0, 100);
  REQUIRE(target.attached[1]);
  target.run(1'000, 0, 50'000);
  CHECK(target.done.back().why.ends_with("next try in 30 s"));
}

TEST_CASE("an attempt that cannot attach is made again as late") {
  PretendedTarget target;
  target.run(1'000, 0, 50'000);
  target.attaching_works = false;
  target.done.clear();
  target.run(100'000, 0, 0);
  REQUIRE(target.done.size() == 3);
  CHECK(target.done[1].at_ms - target.done[0].at_ms == 30'000);
}

TEST_CASE("what somebody else detached is left alone") {
  PretendedTarget target;
  target.attached = {true, false};
  target.run(100'000, 100, 0);
  CHECK(target.done.empty());
}

TEST_CASE("a budget of nothing switches all off, for good") {
  PretendedTarget target(0);
  target.run(700'000, 0, 0);
  CHECK(target.attached == std::array{false, false});
  REQUIRE(target.done.size() == 2);
  CHECK(target.done[0].why == "the overhead budget is 0");
}

TEST_CASE("counters that start anew are no negative cost") {
  PretendedTarget target;
  target.run(1'000, 5'000, 0);
  target.start_counting_anew();
  target.run(1'000, 5'000, 0);
  CHECK(target.done.empty());
  CHECK(target.governor.target_ratio() == doctest::Approx(0.005));
}

TEST_CASE("a class that spends too much at once goes before its tick ends") {
  PretendedTarget target;
  // 36 % of a core: 10 ms, what a second allows, are spent soon
  target.run(200, 160'000, 200'000, 10);
  REQUIRE(target.done.size() == 2);
  CHECK(target.done[0].at_ms == 70);  // the first tick, at 10, begins
  CHECK(target.done[0].probe_class == ProbeClass::kWait);
  CHECK(target.done[1].at_ms == 80);
  CHECK(target.done[1].probe_class == ProbeClass::kLifecycle);
  CHECK(target.governor.target_ratio() > 0.1);
}

TEST_CASE("the dear class on trial does not take the cheap one along") {
  PretendedTarget target;
  target.run(1'000, 5'000, 400'000, 10);
  REQUIRE(target.done.size() == 1);
  CHECK(target.done[0].probe_class == ProbeClass::kWait);
  CHECK(target.attached[0]);
}

TEST_CASE("a burst within what a trial allows is let pass") {
  PretendedTarget target;
  target.run(10, 0, 0, 10);
  target.run(10, 0, 800'000, 10);  // 8 ms
  target.run(2'000, 0, 1'000, 10);
  CHECK(target.done.empty());
}

TEST_CASE("a class that is tried again is on trial again") {
  PretendedTarget target;
  target.run(200, 0, 400'000, 10);
  REQUIRE(target.done.size() == 1);
  target.run(31'000, 0, 400'000, 10);
  REQUIRE(target.done.size() == 3);
  CHECK(target.done[1].attach);
  CHECK(target.done[2].at_ms - target.done[1].at_ms <= 70);
}

TEST_CASE("it wants to look often during a trial, and seldom behind it") {
  PretendedTarget target;
  target.run(100, 0, 1'000, 10);
  const std::int64_t now = target.now_ms() * kNsPerMs;
  CHECK(target.governor.next_tick_ns(now) - now == Governor::kTrialTickNs);
  target.run(2'000, 0, 1'000, 10);
  const std::int64_t later = target.now_ms() * kNsPerMs;
  CHECK(target.governor.next_tick_ns(later) - later == Governor::kTickNs);
}
