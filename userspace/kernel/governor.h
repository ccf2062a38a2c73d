// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Keeps what probes cost the target within a budget. A closed loop on a fast
// clock of its own (kTickNs): hits since the last tick times the calibrated
// cost of a hit. Two ticks above the budget detach the dearest class, which is
// tried again later, each time later than before. Pure: it decides, the caller
// attaches and detaches.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "kernel/kernel.h"
#include "probes/probe_spec.h"

namespace taskleak {

/// What to do now with one class of probes.
struct GovernorAction {
  ProbeClass probe_class = ProbeClass::kWait;
  bool attach = false;  ///< else detach
  std::string why;      ///< "costs 23 % of a core, budget 1 %; next try in 30 s"
};

class Governor {
 public:
  static constexpr std::int64_t kTickNs = 100'000'000;

  /// `budget_ratio` of one core (0.01 = 1 %); 0 switches all probes off.
  Governor(double budget_ratio,
           std::array<double, kProbePrograms> cost_per_hit_ns);

  /// Tells it of the hits so far and which classes are attached; at most one
  /// action comes back, to be carried out before the next tick.
  std::optional<GovernorAction> tick(
      std::int64_t now_ns, const ProbeHits& hits,
      const std::array<bool, kProbeClasses>& attached);

  /// Share of one core that the probes cost the target over the last window of
  /// kWindowNs.
  double target_ratio() const;
  static constexpr std::int64_t kWindowNs = 10'000'000'000;

 private:
  struct ClassState {
    int ticks_above = 0;
    std::int64_t retry_at_ns = 0;
    std::int64_t backoff_ns = 0;
  };
  double budget_ratio_;
  std::array<double, kProbePrograms> cost_per_hit_ns_;
  std::array<ClassState, kProbeClasses> classes_{};
  ProbeHits last_hits_{};
  std::int64_t last_ns_ = 0;
  double ratio_ = 0;
};

}  // namespace taskleak
