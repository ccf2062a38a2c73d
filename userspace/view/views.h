// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Views: pure functions from reports to bytes. Whatever is rendered from one
// report shows one epoch.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "verdict/judge.h"

namespace taskleak {

/// What views say of the daemon itself.
struct DaemonFacts {
  std::string version;
  std::string revision;
  std::int64_t start_unix_ns = 0;
  std::int64_t interval_ns = 0;
  /// Set for a target that ended or could not be read: pid -> one line.
  std::map<std::int32_t, std::string> targets_down;
};

/// For a tired person: the answer first, then the worst sites, then where to
/// look next. `color` uses ANSI attributes; `max_sites` bounds the list (the
/// rest is counted, never dropped in silence).
struct TextOptions {
  bool color = false;
  std::size_t max_sites = 20;
};
std::string render_text(const Report& report, const TextOptions& options);

/// Schema 1 of the snapshot (docs/json.md). `max_tasks` 0 = all; when tasks are
/// left out, "tasks_omitted" counts them.
struct JsonOptions {
  std::size_t max_tasks = 0;
  bool pretty = false;
};
std::string render_json(const Report& report, const JsonOptions& options);

enum class MetricsFormat : std::uint8_t { kPrometheusText, kOpenMetrics };
struct MetricsOptions {
  MetricsFormat format = MetricsFormat::kPrometheusText;
  /// Series for this many sites a target, and one more named "other".
  std::size_t max_sites = 50;
};
/// The body of /metrics for all targets.
std::string render_metrics(std::span<const Report* const> reports,
                           const DaemonFacts& facts,
                           const MetricsOptions& options);

/// The landing page: plain HTML with the sites of all targets.
std::string render_page(std::span<const Report* const> reports,
                        const DaemonFacts& facts);

}  // namespace taskleak
