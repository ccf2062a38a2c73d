// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Writes metrics as text, in Prometheus' format (0.0.4) or OpenMetrics 1.0.
// Both from the same calls; they differ in the names of counters and infos, in
// UNIT, exemplars and "# EOF". The caller keeps the order: one family after
// the other, each with all of its samples.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "view/views.h"

namespace taskleak {

enum class MetricType : std::uint8_t { kGauge, kCounter, kHistogram, kInfo };

/// A metric family. `name` is without "_total" and "_info"; `unit`, where not
/// empty, is the name's last part.
struct Family {
  std::string_view name;
  MetricType type = MetricType::kGauge;
  std::string_view unit;
  std::string_view help;
};

/// Labels of a sample, escaped, in order. A label without a value is left out:
/// to Prometheus that is the same.
class LabelSet {
 public:
  LabelSet with(std::string_view name, std::string_view value) const;
  /// The same with a value that label_escaped() gave.
  LabelSet with_escaped(std::string_view name, std::string_view value) const;
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// Nanoseconds as decimal seconds, every digit exact: "1767323045.678".
std::string seconds_text(std::int64_t ns);

class Exposition {
 public:
  explicit Exposition(MetricsFormat format) : format_(format) {}

  /// Begins a family; its header appears with the first sample.
  void family(const Family& family);
  void sample(const LabelSet& labels, std::integral auto value) {
    write(suffix(), labels.text(), std::to_string(value));
  }
  void sample(const LabelSet& labels, double value);
  /// `number` as it is to stand there, such as seconds_text().
  void sample_text(const LabelSet& labels, std::string_view number);
  /// A counter's sample with an exemplar of value 1 (OpenMetrics only).
  void sample_with_exemplar(const LabelSet& labels, std::uint64_t value,
                            const LabelSet& exemplar);
  /// Buckets are counts, not yet cumulative; upper_bounds has one entry less:
  /// the last bucket is +Inf. `sum` as sample_text().
  void histogram(const LabelSet& labels, std::span<const double> upper_bounds,
                 std::span<const std::uint64_t> buckets, std::string_view sum);
  /// The whole text.
  std::string finish();

 private:
  std::string_view suffix() const;
  void header();
  void write(std::string_view suffix, std::string_view labels,
             std::string_view number, std::string_view exemplar = {});

  MetricsFormat format_;
  Family family_;
  bool header_due_ = false;
  std::string out_;
};

}  // namespace taskleak
