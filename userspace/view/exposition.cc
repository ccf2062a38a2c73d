// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The two text formats of metrics; see view/exposition.h. After
// OpenMetrics 1.0.0 and Prometheus' exposition format 0.0.4.
#include "view/exposition.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "base/clock.h"
#include "view/escape.h"

namespace taskleak {
namespace {

/// OpenMetrics allows an exemplar's label names and values 128 characters in
/// all; bytes are never fewer.
constexpr std::size_t kMaxExemplarBytes = 128;

std::string_view type_name(MetricType type, bool open_metrics) {
  switch (type) {
    case MetricType::kGauge: return "gauge";
    case MetricType::kCounter: return "counter";
    case MetricType::kHistogram: return "histogram";
    case MetricType::kInfo: return open_metrics ? "info" : "gauge";
  }
  return "unknown";
}

std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

}  // namespace

LabelSet LabelSet::with(std::string_view name, std::string_view value) const {
  return with_escaped(name, label_escaped(value));
}

LabelSet LabelSet::with_escaped(std::string_view name,
                                std::string_view value) const {
  LabelSet more = *this;
  if (value.empty()) return more;
  if (!more.text_.empty()) more.text_ += ',';
  more.text_ += fmt::format("{}=\"{}\"", name, value);
  return more;
}

std::string seconds_text(std::int64_t ns) {
  const std::uint64_t size =
      ns < 0 ? -static_cast<std::uint64_t>(ns) : static_cast<std::uint64_t>(ns);
  std::string text =
      fmt::format("{}{}", ns < 0 ? "-" : "", size / kNsPerSecond);
  if (size % kNsPerSecond == 0) return text;
  text += fmt::format(".{:09}", size % kNsPerSecond);
  return text.erase(text.find_last_not_of('0') + 1);
}

void Exposition::family(const Family& family) {
  family_ = family;
  header_due_ = true;
}

std::string_view Exposition::suffix() const {
  if (family_.type == MetricType::kCounter) return "_total";
  return family_.type == MetricType::kInfo ? "_info" : "";
}

void Exposition::header() {
  if (!std::exchange(header_due_, false)) return;
  const bool open = format_ == MetricsFormat::kOpenMetrics;
  // OpenMetrics names the family, Prometheus' text the samples.
  const std::string name =
      fmt::format("{}{}", family_.name, open ? "" : suffix());
  out_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, family_.help, name,
                      type_name(family_.type, open));
  if (open && !family_.unit.empty())
    out_ += fmt::format("# UNIT {} {}\n", name, family_.unit);
}

void Exposition::write(std::string_view suffix, std::string_view labels,
                       std::string_view number, std::string_view exemplar) {
  header();
  out_ += family_.name;
  out_ += suffix;
  if (!labels.empty()) ((out_ += '{') += labels) += '}';
  (out_ += ' ') += number;
  if (!exemplar.empty() && format_ == MetricsFormat::kOpenMetrics)
    out_ += fmt::format(" # {{{}}} 1", exemplar);
  out_ += '\n';
}

void Exposition::sample(const LabelSet& labels, double value) {
  write(suffix(), labels.text(), number_text(value));
}

void Exposition::sample_text(const LabelSet& labels, std::string_view number) {
  write(suffix(), labels.text(), number);
}

void Exposition::sample_with_exemplar(const LabelSet& labels,
                                      std::uint64_t value,
                                      const LabelSet& exemplar) {
  const bool fits = exemplar.text().size() <= kMaxExemplarBytes;
  write(suffix(), labels.text(), std::to_string(value),
        fits ? std::string_view(exemplar.text()) : std::string_view());
}

void Exposition::histogram(const LabelSet& labels,
                           std::span<const double> upper_bounds,
                           std::span<const std::uint64_t> buckets,
                           std::string_view sum) {
  std::uint64_t so_far = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    so_far += buckets[i];
    const std::string bound =
        i < upper_bounds.size() ? number_text(upper_bounds[i]) : "+Inf";
    write("_bucket", labels.with("le", bound).text(), std::to_string(so_far));
  }
  write("_sum", labels.text(), sum);
  write("_count", labels.text(), std::to_string(so_far));
}

std::string Exposition::finish() {
  if (format_ == MetricsFormat::kOpenMetrics) out_ += "# EOF\n";
  return std::move(out_);
}

}  // namespace taskleak
