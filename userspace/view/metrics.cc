// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The body of /metrics: targets that are up or down, their families, then the
// daemon's own. A target that is down keeps up, info, epoch and timestamp
// only: its last counts say nothing of now.
#include "view/metrics.h"

#include <fmt/format.h>

namespace taskleak {
namespace {

constexpr Family kUp = {"taskleak_target_up", MetricType::kGauge, "",
                        "Whether the target runs and could be read (1)."};
constexpr Family kInfo = {"taskleak_target", MetricType::kInfo, "",
                          "What is known of the target."};
constexpr Family kBuildInfo = {"taskleak_build", MetricType::kInfo, "",
                               "Which task-leakd this is."};

constexpr Family kInterval = {"taskleak_epoch_interval_seconds",
                              MetricType::kGauge, "seconds",
                              "Time from one epoch to the next, as it is now."};
constexpr Family kIntervalReason = {
    "taskleak_epoch_interval_reason", MetricType::kGauge, "",
    "What decides over the interval (1): asked, --interval; budget, more often "
    "would cost more than --overhead-budget; longest, the upper bound."};

struct DaemonFamily {
  Family family;
  std::string (*value)(const DaemonFacts& facts, const ProcessFacts& process);
};

constexpr DaemonFamily kProcessFamilies[] = {
    {{"process_cpu_seconds", MetricType::kCounter, "seconds",
      "User and system time of the daemon."},
     [](const DaemonFacts&, const ProcessFacts& process) {
       return fmt::format("{}", process.cpu_seconds);
     }},
    {{"process_resident_memory_bytes", MetricType::kGauge, "bytes",
      "Resident memory of the daemon."},
     [](const DaemonFacts&, const ProcessFacts& process) {
       return std::to_string(process.resident_bytes);
     }},
    {{"process_virtual_memory_bytes", MetricType::kGauge, "bytes",
      "Virtual memory of the daemon."},
     [](const DaemonFacts&, const ProcessFacts& process) {
       return std::to_string(process.virtual_bytes);
     }},
    {{"process_open_fds", MetricType::kGauge, "",
      "Open file descriptors of the daemon."},
     [](const DaemonFacts&, const ProcessFacts& process) {
       return std::to_string(process.open_fds);
     }},
    {{"process_max_fds", MetricType::kGauge, "",
      "Limit of open file descriptors of the daemon."},
     [](const DaemonFacts&, const ProcessFacts& process) {
       return std::to_string(process.max_fds);
     }},
    {{"process_start_time_seconds", MetricType::kGauge, "seconds",
      "When the daemon started, as Unix time."},
     [](const DaemonFacts& facts, const ProcessFacts&) {
       return seconds_text(facts.start_unix_ns);
     }},
};

bool is_down(const MetricsTarget& target, const DaemonFacts& facts) {
  return facts.targets_down.contains(target.snapshot.target.pid);
}

void write_up(const std::vector<MetricsTarget>& targets,
              const DaemonFacts& facts, Exposition& out) {
  out.family(kUp);
  std::map<std::int32_t, std::string> never_read = facts.targets_down;
  for (const MetricsTarget& target : targets) {
    out.sample(target.labels, is_down(target, facts) ? 0 : 1);
    never_read.erase(target.snapshot.target.pid);
  }
  for (const auto& [pid, why] : never_read)
    out.sample(LabelSet().with("pid", std::to_string(pid)), 0);
  out.family(kInfo);
  for (const MetricsTarget& target : targets)
    out.sample(target_info_labels(target.snapshot, target.labels), 1);
}

/// Tells which snapshot was the last, so that a target's end can be dated.
bool outlives_target(const Family& family) {
  return family.name == "taskleak_snapshot_epoch" ||
         family.name == "taskleak_snapshot_timestamp_seconds";
}

void write_daemon(const DaemonFacts& facts, Exposition& out) {
  out.family(kBuildInfo);
  out.sample(LabelSet()
                 .with("version", facts.version)
                 .with("revision", facts.revision),
             1);
  out.family(kInterval);
  out.sample_text({}, seconds_text(facts.interval_ns));
  out.family(kIntervalReason);
  for (const auto& [reason, decides] : facts.interval_reasons)
    out.sample(LabelSet().with("reason", reason), decides ? 1 : 0);
  if (!facts.process) return;
  for (const DaemonFamily& row : kProcessFamilies) {
    out.family(row.family);
    out.sample_text({}, row.value(facts, *facts.process));
  }
}

}  // namespace

std::string render_metrics(std::span<const Report* const> reports,
                           const DaemonFacts& facts,
                           const MetricsOptions& options) {
  std::vector<MetricsTarget> targets;
  for (const Report* report : reports)
    targets.emplace_back(*report, options.max_sites);
  Exposition out(options.format);
  write_up(targets, facts, out);
  for (const auto& [family, write] : target_families()) {
    out.family(family);
    for (const MetricsTarget& target : targets)
      if (!is_down(target, facts) || outlives_target(family))
        write(target, out);
  }
  write_daemon(facts, out);
  return out.finish();
}

}  // namespace taskleak
