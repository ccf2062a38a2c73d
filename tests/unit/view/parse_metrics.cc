// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
#include "parse_metrics.h"

#include <cmath>
#include <cstdlib>
#include <set>
#include <sstream>

namespace taskleak::test {
namespace {

/// Reads one line from left to right; `bad` once anything is not as it must be.
struct Scanner {
  const std::string& line;
  std::size_t at = 0;
  bool bad = false;

  bool take(char c) {
    const bool there = at < line.size() && line[at] == c;
    at += there ? 1 : 0;
    return there;
  }
  void need(char c) { bad = bad || !take(c); }
  std::string name() {
    const std::size_t begin = at;
    while (at < line.size() &&
           (std::isalnum(line[at]) != 0 || line[at] == '_' || line[at] == ':'))
      ++at;
    bad = bad || at == begin || std::isdigit(line[begin]) != 0;
    return line.substr(begin, at - begin);
  }
  std::string quoted() {
    std::string value;
    need('"');
    while (!bad && !take('"')) {
      bad = bad || at >= line.size();
      if (bad) break;
      if (!take('\\')) {
        value += line[at++];
      } else if (take('n')) {
        value += '\n';
      } else {
        bad = bad || at >= line.size() || (line[at] != '"' && line[at] != '\\');
        if (!bad) value += line[at++];
      }
    }
    return value;
  }
  std::map<std::string, std::string> labels() {
    std::map<std::string, std::string> all;
    if (!take('{')) return all;
    do {
      const std::string key = name();
      need('=');
      bad = bad || !all.emplace(key, quoted()).second;
    } while (!bad && take(','));
    need('}');
    return all;
  }
  std::string number() {
    const std::size_t end = std::min(line.find(' ', at), line.size());
    const std::string text = line.substr(at, end - at);
    char* rest = nullptr;
    std::strtod(text.c_str(), &rest);
    bad = bad || text.empty() || *rest != '\0';
    at = end;
    return text;
  }
};

ParsedSample parse_sample(Scanner& scan) {
  ParsedSample sample;
  sample.name = scan.name();
  sample.labels = scan.labels();
  scan.need(' ');
  sample.number = scan.number();
  sample.value = std::strtod(sample.number.c_str(), nullptr);
  if (scan.at == scan.line.size()) return sample;
  for (const char c : {' ', '#', ' '}) scan.need(c);
  sample.exemplar = scan.labels();
  scan.need(' ');
  scan.number();
  scan.bad = scan.bad || scan.at != scan.line.size();
  return sample;
}

bool belongs(const std::string& sample, const std::string& family,
             const std::string& type) {
  if (!sample.starts_with(family)) return false;
  const std::string suffix = sample.substr(family.size());
  if (type == "histogram")
    return suffix == "_bucket" || suffix == "_sum" || suffix == "_count";
  return suffix.empty() || (type == "counter" && suffix == "_total") ||
         (type == "info" && suffix == "_info");
}

}  // namespace

double ParsedMetrics::value(
    const std::string& sample,
    const std::map<std::string, std::string>& labels) const {
  for (const auto& [name, family] : families)
    for (const ParsedSample& candidate : family.samples) {
      std::map<std::string, std::string> own = candidate.labels;
      own.erase("pid");
      own.erase("runtime");
      if (candidate.name == sample && own == labels) return candidate.value;
    }
  return std::nan("");
}

ParsedMetrics parse_metrics(const std::string& text) {
  ParsedMetrics parsed;
  std::istringstream lines(text);
  std::string line;
  std::string current;
  std::set<std::string> seen;
  while (parsed.error.empty() && std::getline(lines, line)) {
    bool bad = parsed.eof;
    if (line == "# EOF") {
      parsed.eof = true;
    } else if (line.starts_with("# ")) {
      const std::string kind = line.substr(2, 4);
      Scanner scan{.line = line, .at = 7};
      const std::string name = scan.name();
      scan.need(' ');
      const std::string rest = line.substr(scan.at);
      // HELP comes first; a family must not come again later.
      bad = bad || scan.bad ||
            (kind == "HELP" ? parsed.families.contains(name) : name != current);
      current = name;
      ParsedFamily& family = parsed.families[name];
      if (kind == "HELP") family.help = rest;
      if (kind == "TYPE") family.type = rest;
      if (kind == "UNIT") family.unit = rest;
    } else {
      Scanner scan{.line = line};
      ParsedFamily& family = parsed.families[current];
      const ParsedSample sample = parse_sample(scan);
      const std::string series = line.substr(0, line.find(' '));
      bad = bad || scan.bad || !belongs(sample.name, current, family.type) ||
            (sample.labels.empty() && !seen.insert(series).second);
      std::string key = sample.name;
      for (const auto& [label, value] : sample.labels)
        key += '\1' + label + '\2' + value;
      bad = bad || (!sample.labels.empty() && !seen.insert(key).second);
      family.samples.push_back(sample);
    }
    if (bad) parsed.error = line;
  }
  return parsed;
}

}  // namespace taskleak::test
