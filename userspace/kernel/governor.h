// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Keeps what probes cost the target within a budget. A closed loop on a fast
// clock of its own (kTickNs): hits since the last tick times the calibrated
// cost of a hit. Two ticks above the budget, or one far above it, detach the
// dearest class, which is tried again later, each time later than before. A
// class that was just attached is on trial and looked at more often: it goes
// as soon as it has spent what nothing that follows can make good. Pure: it
// decides, the caller attaches and detaches.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "kernel/kernel.h"
#include "probes/probe_spec.h"

namespace taskleak {

/// What to do now with one class of probes.
struct GovernorAction {
  ProbeClass probe_class = ProbeClass::kWait;
  bool attach = false;  ///< else detach
  std::string why;  ///< "costs 23 % of a core, budget 1 %; next try in 30 s"
};

class Governor {
 public:
  static constexpr std::int64_t kTickNs = 100'000'000;
  /// So long a class is on trial, looked at so often, and detached once it has
  /// spent what the budget allows for the whole trial.
  static constexpr std::int64_t kTrialNs = 1'000'000'000;
  static constexpr std::int64_t kTrialTickNs = 10'000'000;
  /// Ticks in a row above the budget that it takes to detach.
  static constexpr int kTicksAbove = 2;
  /// So many times the budget, and one tick is enough.
  static constexpr double kFarAbove = 10;
  /// A class is tried again only when the others cost less than this share of
  /// the budget.
  static constexpr double kRoomShare = 0.5;
  /// When a detached class is tried again: after the first time so long, each
  /// time twice as long, so long at most.
  static constexpr std::int64_t kFirstRetryNs = 30'000'000'000;
  static constexpr std::int64_t kLastRetryNs = 600'000'000'000;
  /// Attached for so long without offence, a class starts anew at the first.
  static constexpr std::int64_t kCalmNs = 600'000'000'000;
  /// Between two classes that are attached again.
  static constexpr std::int64_t kSettleNs = 1'000'000'000;
  static constexpr std::int64_t kWindowNs = 10'000'000'000;

  /// `budget_ratio` of one core (0.01 = 1 %); 0 switches all probes off.
  Governor(double budget_ratio,
           std::array<double, kProbePrograms> cost_per_hit_ns);

  /// Tells it of the hits so far and which classes are attached; at most one
  /// action comes back, to be carried out before the next tick. A class that
  /// somebody else detached is left alone. Rates are judged over kTickNs and
  /// more, however often it is called.
  std::optional<GovernorAction> tick(
      std::int64_t now_ns, const ProbeHits& hits,
      const std::array<bool, kProbeClasses>& attached);

  /// When it wants to be told again, at the latest.
  std::int64_t next_tick_ns(std::int64_t now_ns) const;

  /// Share of one core that the probes cost the target over the last window of
  /// kWindowNs.
  double target_ratio() const;

 private:
  using ClassCosts = std::array<double, kProbeClasses>;  // ns since last tick
  struct ClassState {
    bool ours = false;      ///< detached by us, or asked to be attached again
    double cost_ratio = 0;  ///< of one core, when it was detached
    std::int64_t retry_at_ns = 0;
    std::int64_t backoff_ns = 0;
    std::int64_t attached_at_ns = 0;
    double spent_ns = 0;  ///< since then
  };
  struct Sample {
    std::int64_t elapsed_ns = 0;
    double cost_ns = 0;
  };

  ClassCosts costs_since_last(const ProbeHits& hits) const;
  void remember(const Sample& sample);
  void note_attached(std::int64_t now_ns,
                     const std::array<bool, kProbeClasses>& attached);
  bool on_trial(const ClassState& state, std::int64_t now_ns) const;
  std::optional<GovernorAction> end_trial(std::int64_t now_ns);
  GovernorAction detach(int index, std::int64_t now_ns, double ratio);
  std::optional<GovernorAction> retry(
      std::int64_t now_ns, double ratio,
      const std::array<bool, kProbeClasses>& attached);

  double budget_ratio_;
  std::array<double, kProbePrograms> cost_per_hit_ns_;
  std::array<ClassState, kProbeClasses> classes_{};
  ClassCosts pending_{};  ///< of the tick that has not ended
  int ticks_above_ = 0;
  ProbeHits last_hits_{};
  std::int64_t last_ns_ = 0;
  std::int64_t last_attach_ns_ = 0;
  std::deque<Sample> window_;
};

}  // namespace taskleak
