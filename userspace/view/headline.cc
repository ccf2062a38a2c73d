// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Shared sentences; see view/headline.h.
#include "view/headline.h"

#include <fmt/format.h>

#include <algorithm>

#include "view/words.h"

namespace taskleak {
namespace {

/// Beyond it nobody reads on.
constexpr std::size_t kMaxLimits = 20;

struct VerdictWord {
  Verdict verdict;
  std::string_view word;
};
constexpr VerdictWord kWords[] = {{Verdict::kProven, "proven"},
                                  {Verdict::kProbable, "probable"},
                                  {Verdict::kSuspect, "suspected"}};

/// The age that the oldest leaked wait has for certain.
std::optional<Age> oldest_leak(const Report& report) {
  const Snapshot& snapshot = *report.snapshot;
  std::optional<Age> oldest;
  for (const Task& task : snapshot.tasks) {
    if (!is_leak(verdict_of(report, task).verdict)) continue;
    const std::optional<Age> age = age_of(snapshot, task.wait);
    if (age && (!oldest || age->ns > oldest->ns)) oldest = age;
  }
  return oldest;
}

void add_loss(const Coverage& coverage, std::vector<std::string>& limits) {
  std::uint64_t total = 0;
  std::string stages;
  for (const auto& [stage, lost] : coverage.lost_events) {
    if (lost == 0) continue;
    total += lost;
    stages += fmt::format("{}{} {}", stages.empty() ? "" : ", ", stage,
                          grouped(lost));
  }
  if (total == 0) return;
  limits.push_back(fmt::format(
      "{} lost ({}): some starts of waits and histograms lack them, counts "
      "of tasks do not depend on them",
      plural(total, "event"), stages));
}

void add_probe_limits(const Coverage& coverage,
                      std::vector<std::string>& limits) {
  for (const ProbeStatus& probe : coverage.probes)
    if (!probe.attached)
      limits.push_back(fmt::format("probe {} is not attached{}{}", probe.name,
                                   probe.why.empty() ? "" : ": ", probe.why));
}

}  // namespace

std::string plural(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", grouped(count), noun, count == 1 ? "" : "s");
}

std::string verdict_words(const VerdictCounts& counts, std::uint64_t tasks) {
  if (leaked(counts) == 0) return "no leak";
  std::string text;
  for (const auto& [verdict, word] : kWords) {
    const std::uint64_t count = count_of(counts, verdict);
    if (count == 0) continue;
    if (count == tasks)
      return fmt::format("{}{} leaked", tasks > 1 ? "all " : "", word);
    text +=
        fmt::format("{}{} {}", text.empty() ? "" : ", ", grouped(count), word);
  }
  return text + " leaked";
}

std::string headline(const Report& report) {
  const Snapshot& snapshot = *report.snapshot;
  std::string versions;
  for (const RuntimeInfo& runtime : snapshot.target.runtimes)
    versions += (versions.empty() ? "" : ", ") + runtime.version;
  std::string line =
      fmt::format("pid {} {} ({}): {}", snapshot.target.pid,
                  last_elements(snapshot.target.exe, 1), versions,
                  plural(snapshot.counts.tasks, "task"));
  if (snapshot.counts.count_only)
    return line + ", counted only: none of them can be read";
  line += fmt::format(
      ", {} blocked, {}",
      grouped(snapshot.counts
                  .by_state[static_cast<std::size_t>(TaskState::kBlocked)]),
      verdict_words(report.counts, 0));
  if (const std::optional<Age> age = oldest_leak(report))
    line += fmt::format(" (oldest {})", age_text(*age));
  const std::uint64_t unknown = count_of(report.counts, Verdict::kUnknown);
  if (unknown > 0) line += fmt::format(", {} not judged", grouped(unknown));
  return line;
}

std::vector<std::string> limits_of(const Report& report) {
  const Snapshot& snapshot = *report.snapshot;
  const Coverage& coverage = snapshot.coverage;
  std::vector<std::string> limits;
  if (snapshot.counts.uncertainty > 0)
    limits.push_back(fmt::format(
        "the count is sure to ±{}: tasks came and went while they were read",
        grouped(snapshot.counts.uncertainty)));
  if (coverage.torn_tasks > 0)
    limits.push_back(
        fmt::format("{} changed each time it was read, and has no verdict",
                    plural(coverage.torn_tasks, "task")));
  add_loss(coverage, limits);
  if (snapshot.counts.drift_known && snapshot.counts.drift != 0)
    limits.push_back(fmt::format(
        "events alone would have been off by {:+} tasks; corrected from memory",
        snapshot.counts.drift));
  add_probe_limits(coverage, limits);
  limits.insert(limits.end(), coverage.notes.begin(), coverage.notes.end());
  if (limits.size() <= kMaxLimits) return limits;
  const std::size_t more = limits.size() - kMaxLimits;
  limits.resize(kMaxLimits);
  limits.push_back(fmt::format("and {}, all of them in the JSON",
                               plural(more, "more note")));
  return limits;
}

}  // namespace taskleak
