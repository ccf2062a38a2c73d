// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Chooses the metrics format from an Accept header, a stranger's bytes.
// Anything odd ends in the text format, which every scraper reads.
#include <algorithm>
#include <cstdlib>

#include "base/header.h"
#include "view/views.h"

namespace taskleak {
namespace {

struct MediaRange {
  std::string_view type;
  std::string_view version;
  double quality = 1;
};

MediaRange parse_range(std::string_view entry) {
  MediaRange range;
  range.type = next_part(entry, ';');
  while (!entry.empty()) {
    std::string_view value = next_part(entry, ';');
    const std::string_view name = next_part(value, '=');
    if (same_word(name, "version")) range.version = trimmed(value, " \t\"");
    if (same_word(name, "q"))
      range.quality = std::strtod(std::string(value).c_str(), nullptr);
  }
  return range;
}

bool is_open_metrics(const MediaRange& range) {
  return same_word(range.type, "application/openmetrics-text") &&
         (range.version.empty() || range.version == "1.0.0" ||
          range.version == "0.0.1");
}

/// How exactly a range names the text format: 0 = not at all. The most exact
/// one that matches decides its quality (RFC 9110, 12.5.1).
int names_text(const MediaRange& range) {
  if (same_word(range.type, "text/plain"))
    return range.version.empty() || range.version == "0.0.4" ? 3 : 0;
  if (same_word(range.type, "text/*")) return 2;
  return range.type == "*/*" ? 1 : 0;
}

}  // namespace

MetricsFormat negotiate_metrics(std::string_view accept) {
  double open_metrics = 0;
  double text = 0;
  int exactness = 0;
  while (!accept.empty()) {
    const MediaRange range = parse_range(next_part(accept, ','));
    if (is_open_metrics(range))
      open_metrics = std::max(open_metrics, range.quality);
    const int exact = names_text(range);
    if (exact == 0 || exact < exactness) continue;
    text = exact > exactness ? range.quality : std::max(text, range.quality);
    exactness = exact;
  }
  return open_metrics > 0 && open_metrics >= text
             ? MetricsFormat::kOpenMetrics
             : MetricsFormat::kPrometheusText;
}

std::string_view metrics_content_type(MetricsFormat format) {
  return format == MetricsFormat::kOpenMetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

}  // namespace taskleak
