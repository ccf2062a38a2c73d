// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The words of the views; see view/words.h.
#include "view/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <tuple>

#include "base/clock.h"

namespace taskleak {
namespace {

/// An uncertainty below it does not show in an age given in seconds.
constexpr std::int64_t kExactNs = kNsPerSecond;
/// Below it a duration has one decimal: a read may take 0.4 ms.
constexpr double kWholeMs = 10;

}  // namespace

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string duration_text(std::int64_t ns) {
  const std::int64_t s = std::max<std::int64_t>(ns, 0) / kNsPerSecond;
  constexpr std::int64_t kMinute = 60;
  constexpr std::int64_t kHour = 60 * kMinute;
  constexpr std::int64_t kDay = 24 * kHour;
  const double ms = static_cast<double>(std::max<std::int64_t>(ns, 0)) / 1e6;
  if (ms < kWholeMs) return fmt::format("{:.1f}ms", ms);
  if (s == 0) return fmt::format("{}ms", static_cast<std::int64_t>(ms));
  if (s < kMinute) return fmt::format("{}s", s);
  if (s < kHour) return fmt::format("{}m{:02}s", s / kMinute, s % kMinute);
  if (s < kDay) return fmt::format("{}h{:02}m", s / kHour, s % kHour / kMinute);
  return fmt::format("{}d{:02}h", s / kDay, s % kDay / kHour);
}

std::string_view last_elements(std::string_view path, int elements) {
  std::size_t begin = path.size();
  for (int i = 0; i < elements && begin > 0; ++i) {
    const std::size_t slash = path.rfind('/', begin - 1);
    if (slash == std::string_view::npos) return path;
    begin = slash;
  }
  return path.substr(std::min(begin + 1, path.size()));
}

const Frame* frame_at(const SnapshotTables& tables, FrameId id) {
  return id.value < tables.frames.size() ? &tables.frames[id.value] : nullptr;
}

std::string frame_text(const SnapshotTables& tables, FrameId id) {
  const Frame* frame = frame_at(tables, id);
  if (frame == nullptr) return "";
  if (frame->file.empty()) return frame->function;
  return fmt::format("{} {}:{}", frame->function, last_elements(frame->file, 1),
                     frame->line);
}

std::string_view reason_text(const SnapshotTables& tables, ReasonId id) {
  return id.value < tables.reasons.size()
             ? std::string_view(tables.reasons[id.value].text)
             : std::string_view();
}

WaitKind reason_kind(const SnapshotTables& tables, ReasonId id) {
  return id.value < tables.reasons.size() ? tables.reasons[id.value].kind
                                          : WaitKind::kNone;
}

std::string task_id_text(const SnapshotTables& tables, const TaskId& id) {
  const std::string_view runtime =
      id.runtime < tables.runtimes.size()
          ? std::string_view(tables.runtimes[id.runtime].name)
          : std::string_view("unknown");
  std::string text = fmt::format("{}/{}", runtime, id.raw);
  if (id.generation != 0) text += fmt::format("@{}", id.generation);
  return text;
}

std::string runtime_names(const Snapshot& snapshot) {
  std::string names;
  for (const RuntimeInfo& runtime : snapshot.target.runtimes) {
    if (!names.empty()) names += '+';
    names += runtime.name;
  }
  return names;
}

std::optional<Age> age_of(const Snapshot& snapshot, const WaitStart& wait) {
  if (wait.source == WaitStartSource::kNone) return std::nullopt;
  const bool may_be_earlier = wait.source == WaitStartSource::kFirstSeen;
  const std::int64_t slack = std::max<std::int64_t>(wait.uncertainty_ns, 0);
  // A wait first seen at a moment began then or earlier; any other began at
  // its start or later.
  const std::int64_t latest = wait.start_ns + (may_be_earlier ? 0 : slack);
  return Age{std::max<std::int64_t>(snapshot.taken_ns - latest, 0),
             slack >= kExactNs || wait.uncertainty_ns < 0};
}

std::string age_text(const Age& age) {
  if (!age.at_least) return duration_text(age.ns);
  return age.ns < kNsPerMs ? "not known" : "≥ " + duration_text(age.ns);
}

std::optional<std::int64_t> unix_moment(const Snapshot& snapshot,
                                        std::int64_t monotonic_ns) {
  std::int64_t since_taken = 0;
  std::int64_t moment = 0;
  if (__builtin_sub_overflow(monotonic_ns, snapshot.taken_ns, &since_taken) ||
      __builtin_add_overflow(since_taken, snapshot.taken_unix_ns, &moment) ||
      moment < 0)
    return std::nullopt;
  return moment;
}

std::uint64_t count_of(const VerdictCounts& counts, Verdict verdict) {
  return counts[static_cast<std::size_t>(verdict)];
}

std::uint64_t leaked(const VerdictCounts& counts) {
  return count_of(counts, Verdict::kSuspect) +
         count_of(counts, Verdict::kProbable) +
         count_of(counts, Verdict::kProven);
}

TaskVerdict verdict_of(const Report& report, const Task& task) {
  return task.place < report.tasks.size() ? report.tasks[task.place]
                                          : TaskVerdict{};
}

const VerdictCounts& site_verdicts(const Report& report, std::size_t site) {
  static constexpr VerdictCounts kNone{};
  return site < report.sites.size() ? report.sites[site] : kNone;
}

std::vector<std::uint32_t> ranked_sites(const Report& report) {
  const std::vector<Site>& sites = report.snapshot->sites;
  std::vector<std::uint32_t> order(sites.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto rank = [&](std::uint32_t index) {
    const VerdictCounts& verdicts = site_verdicts(report, index);
    return std::tuple(leaked(verdicts), count_of(verdicts, Verdict::kProven),
                      count_of(verdicts, Verdict::kProbable),
                      sites[index].tasks);
  };
  std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) {
    const auto ranks = std::pair(rank(a), rank(b));
    if (ranks.first != ranks.second) return ranks.first > ranks.second;
    return sites[a].id < sites[b].id;
  });
  return order;
}

}  // namespace taskleak
