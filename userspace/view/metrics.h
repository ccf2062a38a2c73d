// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The families of one target, and what their writers need to know of it. The
// families stand in one table, in the order of the output; for each, all
// targets are written before the next one begins, as the formats demand.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "view/exposition.h"
#include "view/words.h"

namespace taskleak {

/// One target as the metrics show it.
struct MetricsTarget {
  MetricsTarget(const Report& report, std::size_t max_sites);

  const Report& report;
  const Snapshot& snapshot;
  LabelSet labels;  ///< pid and runtime, on every series
  /// Sites with a series of their own, worst first; the rest is "other".
  std::vector<std::uint32_t> top_sites;
  std::vector<std::uint32_t> other_sites;
};

struct TargetFamily {
  Family family;
  void (*write)(const MetricsTarget& target, Exposition& out);
};

/// Everything but up and info, which a target that is gone has, too.
std::span<const TargetFamily> target_families();

/// Labels of target_info: fixed facts, then the allow-listed labels with their
/// names made metric labels.
LabelSet target_info_labels(const Snapshot& snapshot, const LabelSet& base);

}  // namespace taskleak
