// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// A strict reader of both metrics formats for the tests: it takes no more than
// what the formats allow, and says which line is wrong. check_formats.py asks
// Prometheus' own readers as well.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace taskleak::test {

struct ParsedSample {
  std::string name;
  std::map<std::string, std::string> labels;
  double value = 0;
  std::string number;  ///< the value as it stood there
  std::map<std::string, std::string> exemplar;
};

struct ParsedFamily {
  std::string type;
  std::string help;
  std::string unit;
  std::vector<ParsedSample> samples;
};

struct ParsedMetrics {
  std::map<std::string, ParsedFamily> families;
  bool eof = false;   ///< ended by "# EOF"
  std::string error;  ///< the first bad line; empty = none

  /// The value of the one sample that has exactly these labels beyond pid and
  /// runtime; NaN when there is none.
  double value(const std::string& sample,
               const std::map<std::string, std::string>& labels = {}) const;
};

ParsedMetrics parse_metrics(const std::string& text);

}  // namespace taskleak::test
