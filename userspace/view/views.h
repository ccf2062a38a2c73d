// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Views: pure functions from reports to bytes. Whatever is rendered from one
// report shows one epoch.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "verdict/judge.h"

namespace taskleak {

/// What the kernel says of the daemon's own process (process_*).
struct ProcessFacts {
  double cpu_seconds = 0;  ///< user and system time
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t open_fds = 0;
  std::uint64_t max_fds = 0;
};

/// What views say of the daemon itself.
struct DaemonFacts {
  std::string version;
  std::string revision;
  std::int64_t start_unix_ns = 0;
  std::int64_t interval_ns = 0;  ///< between epochs now
  /// What may decide over the interval, and whether it is this.
  std::map<std::string, bool> interval_reasons;
  /// Set for a target that ended or could not be read: pid -> one line.
  std::map<std::int32_t, std::string> targets_down;
  /// None where /proc/self could not be read: process_* is then left out.
  std::optional<ProcessFacts> process;
};

/// For a tired person: the answer first, then the worst sites, then where to
/// look next. `color` uses ANSI attributes; `max_sites` bounds the list (the
/// rest is counted, never dropped in silence).
struct TextOptions {
  bool color = false;
  std::size_t max_sites = 20;
};
/// At most 100 columns where names allow it; ends with a newline.
std::string render_text(const Report& report, const TextOptions& options);

/// Schema 1 of the snapshot (docs/json.md). `limit` 0 = not a page: all tasks,
/// or `max_tasks` of them when that is not 0, leaked ones first; when tasks are
/// left out, "tasks_omitted" counts them.
struct JsonOptions {
  std::size_t max_tasks = 0;
  bool pretty = false;
  /// A page of this many tasks, by id, behind the one named `after`.
  std::size_t limit = 0;
  std::optional<TaskId> after = std::nullopt;
  std::string site = {};  ///< tasks of this site alone; empty: of all
};
/// Takes the next piece of a document; false: no more is wanted.
using TextSink = std::function<bool(std::string_view)>;
/// Hands the document out in pieces of about a megabyte, so that a million
/// tasks need no gigabyte. False when the sink wanted no more.
bool write_json(const Report& report, const JsonOptions& options,
                const TextSink& sink);
/// The same in one piece.
std::string render_json(const Report& report, const JsonOptions& options);
/// The id that "go/17" or "go/17@2" names; nothing for any other text.
std::optional<TaskId> parse_task_id(const SnapshotTables& tables,
                                    std::string_view text);

enum class MetricsFormat : std::uint8_t { kPrometheusText, kOpenMetrics };
/// The format that an Accept header prefers: OpenMetrics only when it is asked
/// for by name with a version we speak (1.0.0, 0.0.1 or none), else the text.
MetricsFormat negotiate_metrics(std::string_view accept);
/// The Content-Type that goes with a format.
std::string_view metrics_content_type(MetricsFormat format);
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
