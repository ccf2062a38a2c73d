// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The families of one target; see view/metrics.h and docs/metrics.md. Series
// are bounded: states, kinds and verdicts are fixed sets, sites and wait
// reasons are cut at named bounds with the rest in "other".
#include <algorithm>
#include <array>
#include <map>
#include <unordered_set>

#include "view/escape.h"
#include "view/metrics.h"

namespace taskleak {
namespace {

/// Wait reasons with a histogram of their own; Go has some 40.
constexpr std::size_t kMaxReasons = 64;
constexpr std::size_t kMaxInfoLabels = 32;
constexpr const char* kOther = "other";
constexpr std::array kLeakVerdicts = {Verdict::kSuspect, Verdict::kProbable,
                                      Verdict::kProven};

using BoundsSeconds = std::array<double, WaitHistogram::kBuckets - 1>;

/// WaitHistogram's buckets end at 2 us, 4 us, ...
BoundsSeconds wait_bounds() {
  BoundsSeconds bounds{};
  for (std::size_t i = 0; i < bounds.size(); ++i)
    bounds[i] = static_cast<double>(std::uint64_t{2} << i) / 1e6;
  return bounds;
}

void write_tasks(const MetricsTarget& t, Exposition& out) {
  for (int state = 0; state < kTaskStates; ++state)
    out.sample(
        t.labels.with("state", task_state_name(static_cast<TaskState>(state))),
        t.snapshot.counts.by_state[static_cast<std::size_t>(state)]);
}

void write_blocked(const MetricsTarget& t, Exposition& out) {
  for (int kind = 0; kind < kWaitKinds; ++kind)
    if (static_cast<WaitKind>(kind) != WaitKind::kNone)
      out.sample(
          t.labels.with("wait", wait_kind_name(static_cast<WaitKind>(kind))),
          t.snapshot.counts.blocked_by_kind[static_cast<std::size_t>(kind)]);
}

void write_leaked(const MetricsTarget& t, Exposition& out) {
  for (const Verdict verdict : kLeakVerdicts)
    out.sample(t.labels.with("verdict", verdict_name(verdict)),
               count_of(t.report.counts, verdict));
}

/// A task that has this verdict now, for the exemplar; "" without one.
std::string example_task(const MetricsTarget& t, Verdict verdict) {
  if (count_of(t.report.counts, verdict) == 0) return "";
  for (const Task& task : t.snapshot.tasks)
    if (verdict_of(t.report, task).verdict == verdict)
      return task_id_text(*t.snapshot.tables, task.id);
  return "";
}

void write_detected(const MetricsTarget& t, Exposition& out) {
  for (const Verdict verdict : kLeakVerdicts)
    out.sample_with_exemplar(t.labels.with("verdict", verdict_name(verdict)),
                             count_of(t.report.detections, verdict),
                             LabelSet().with("task", example_task(t, verdict)));
}

LabelSet site_labels(const MetricsTarget& t, std::uint32_t index) {
  return t.labels.with("site", t.snapshot.sites[index].id);
}

void write_site_tasks(const MetricsTarget& t, Exposition& out) {
  const SnapshotTables& tables = *t.snapshot.tables;
  for (const std::uint32_t index : t.top_sites) {
    const Site& site = t.snapshot.sites[index];
    out.sample(site_labels(t, index)
                   .with("created_at", frame_text(tables, site.created_at))
                   .with("blocked_at", frame_text(tables, site.blocked_at))
                   .with("wait_reason", reason_text(tables, site.reason)),
               site.tasks);
  }
  std::uint64_t rest = 0;
  for (const std::uint32_t index : t.other_sites)
    rest += t.snapshot.sites[index].tasks;
  out.sample(t.labels.with("site", kOther), rest);
}

void write_site_leaked(const MetricsTarget& t, Exposition& out) {
  VerdictCounts rest{};
  for (const std::uint32_t index : t.other_sites)
    for (std::size_t v = 0; v < rest.size(); ++v)
      rest[v] += site_verdicts(t.report, index)[v];
  const auto write = [&](const LabelSet& labels, const VerdictCounts& counts) {
    for (const Verdict verdict : kLeakVerdicts)
      out.sample(labels.with("verdict", verdict_name(verdict)),
                 count_of(counts, verdict));
  };
  for (const std::uint32_t index : t.top_sites)
    if (leaked(site_verdicts(t.report, index)) > 0)
      write(site_labels(t, index), site_verdicts(t.report, index));
  write(t.labels.with("site", kOther), rest);
}

/// When the oldest wait of a site had begun for certain: comparing it with a
/// limit never accuses a wait of being older than it is.
std::optional<std::int64_t> oldest_start(const MetricsTarget& t,
                                         std::uint32_t index) {
  const WaitStart& wait = t.snapshot.sites[index].oldest_wait;
  const std::optional<Age> age = age_of(t.snapshot, wait);
  if (!age) return std::nullopt;
  return t.snapshot.taken_unix_ns - age->ns;
}

void write_oldest(const MetricsTarget& t, Exposition& out) {
  for (const std::uint32_t index : t.top_sites)
    if (const auto start = oldest_start(t, index))
      out.sample_text(site_labels(t, index), seconds_text(*start));
  std::optional<std::int64_t> oldest;
  for (const std::uint32_t index : t.other_sites)
    if (const auto start = oldest_start(t, index))
      oldest = std::min(oldest.value_or(*start), *start);
  if (oldest)
    out.sample_text(t.labels.with("site", kOther), seconds_text(*oldest));
}

void add(WaitHistogram& sum, const WaitHistogram& more) {
  sum.sum_ns += more.sum_ns;
  for (std::size_t i = 0; i < sum.buckets.size(); ++i)
    sum.buckets[i] += more.buckets[i];
}

void write_waits(const MetricsTarget& t, Exposition& out) {
  static const BoundsSeconds kBounds = wait_bounds();
  std::map<std::string, WaitHistogram> by_reason;
  for (const WaitSeries& series : t.snapshot.wait_series) {
    // As the label will stand there: two that look the same are one series.
    std::string reason =
        label_escaped(reason_text(*t.snapshot.tables, series.reason));
    if (by_reason.size() >= kMaxReasons && !by_reason.contains(reason))
      reason = kOther;
    add(by_reason[reason], series.histogram);
  }
  for (const auto& [reason, waits] : by_reason)
    out.histogram(t.labels.with_escaped("wait_reason", reason), kBounds,
                  waits.buckets,
                  seconds_text(static_cast<std::int64_t>(waits.sum_ns)));
}

void write_drift(const MetricsTarget& t, Exposition& out) {
  if (t.snapshot.counts.drift_known)
    out.sample(t.labels, t.snapshot.counts.drift);
}

void write_lost(const MetricsTarget& t, Exposition& out) {
  for (const auto& [stage, lost] : t.snapshot.coverage.lost_events)
    out.sample(t.labels.with("stage", stage), lost);
}

void write_attached(const MetricsTarget& t, Exposition& out) {
  for (const ProbeStatus& probe : t.snapshot.coverage.probes)
    out.sample(t.labels.with("probe", probe.name), probe.attached ? 1 : 0);
}

void write_hits(const MetricsTarget& t, Exposition& out) {
  for (const ProbeStatus& probe : t.snapshot.coverage.probes)
    out.sample(t.labels.with("probe", probe.name), probe.hits);
}

/// Known only once the kernel's maps have been read.
void write_overhead(const MetricsTarget& t, Exposition& out) {
  const EventSummary& events = t.snapshot.events;
  if (events.taken_ns == 0) return;
  out.sample(t.labels.with("who", "daemon"), events.daemon_overhead_ratio);
  out.sample(t.labels.with("who", "target"), events.target_overhead_ratio);
}

template <auto kMember>
void write_count(const MetricsTarget& t, Exposition& out) {
  out.sample(t.labels, t.snapshot.counts.*kMember);
}

/// A family that a count alone says nothing of is left out, never 0.
template <auto kWrite>
void write_detail(const MetricsTarget& t, Exposition& out) {
  if (!t.snapshot.counts.count_only) kWrite(t, out);
}

constexpr TargetFamily kFamilies[] = {
    {{"taskleak_tasks", MetricType::kGauge, "tasks",
      "Live tasks (goroutines, threads, fibers) by state, read from the "
      "target's memory. Tasks of the runtime itself are left out."},
     write_tasks},
    {{"taskleak_system_tasks", MetricType::kGauge, "tasks",
      "Live tasks of the runtime itself, such as collector workers."},
     write_detail<write_count<&Counts::system_tasks>>},
    {{"taskleak_tasks_created", MetricType::kCounter, "",
      "Tasks created since the target started, or since attach where the "
      "runtime keeps no counter. Created less finished is the live tasks."},
     write_detail<write_count<&Counts::created>>},
    {{"taskleak_tasks_finished", MetricType::kCounter, "",
      "Tasks finished over the same time as taskleak_tasks_created_total."},
     write_detail<write_count<&Counts::finished>>},
    {{"taskleak_working_tasks", MetricType::kGauge, "tasks",
      "Live tasks less those judged probable or proven leaks: what does the "
      "program's work."},
     [](const MetricsTarget& t, Exposition& out) {
       out.sample(t.labels, t.report.working);
     }},
    {{"taskleak_blocked_tasks", MetricType::kGauge, "tasks",
      "Blocked tasks by the kind of what they wait for."},
     write_detail<write_blocked>},
    {{"taskleak_leaked_tasks", MetricType::kGauge, "tasks",
      "Live tasks judged leaked, by verdict: suspect (an old wait that nothing "
      "explains), probable, proven."},
     write_detail<write_leaked>},
    {{"taskleak_leaks_detected", MetricType::kCounter, "",
      "Tasks that ever reached a verdict since attach, ended or not."},
     write_detail<write_detected>},
    {{"taskleak_site_tasks", MetricType::kGauge, "tasks",
      "Live tasks by site: where created and where blocked. Sites beyond the "
      "limit are summed in site other."},
     write_detail<write_site_tasks>},
    {{"taskleak_site_leaked_tasks", MetricType::kGauge, "tasks",
      "Leaked tasks by site and verdict; sites without any have no series."},
     write_detail<write_site_leaked>},
    {{"taskleak_oldest_wait_start_timestamp_seconds", MetricType::kGauge,
      "seconds",
      "When the oldest wait of a site had begun at the latest, as Unix time: "
      "its age is this or more."},
     write_oldest},
    {{"taskleak_wait_duration_seconds", MetricType::kHistogram, "seconds",
      "Waits that ended while wait probes were attached, by wait reason."},
     write_waits},
    {{"taskleak_count_drift_tasks", MetricType::kGauge, "tasks",
      "Error that events alone would have made in the count of live tasks, "
      "corrected from memory."},
     write_drift},
    {{"taskleak_count_uncertainty_tasks", MetricType::kGauge, "tasks",
      "The true count at any moment of the read is within this of "
      "taskleak_tasks."},
     write_count<&Counts::uncertainty>},
    {{"taskleak_events_lost", MetricType::kCounter, "",
      "Events lost since attach, by stage. Counts of tasks do not depend on "
      "them."},
     write_lost},
    {{"taskleak_snapshot_epoch", MetricType::kGauge, "",
      "Number of the snapshot that all series of this target come from."},
     [](const MetricsTarget& t, Exposition& out) {
       out.sample(t.labels, t.snapshot.epoch);
     }},
    {{"taskleak_snapshot_timestamp_seconds", MetricType::kGauge, "seconds",
      "When that snapshot was taken, as Unix time."},
     [](const MetricsTarget& t, Exposition& out) {
       out.sample_text(t.labels, seconds_text(t.snapshot.taken_unix_ns));
     }},
    {{"taskleak_snapshot_duration_seconds", MetricType::kGauge, "seconds",
      "How long reading it took; the target was not stopped."},
     [](const MetricsTarget& t, Exposition& out) {
       out.sample_text(t.labels, seconds_text(t.snapshot.duration_ns));
     }},
    {{"taskleak_snapshot_torn_tasks", MetricType::kCounter, "",
      "Tasks that changed under every retry of a read and took no verdict, "
      "summed over snapshots."},
     [](const MetricsTarget& t, Exposition& out) {
       out.sample(t.labels, t.snapshot.coverage.torn_tasks_total);
     }},
    {{"taskleak_probe_attached", MetricType::kGauge, "",
      "Whether a probe is attached (1) or was refused or detached (0)."},
     write_attached},
    {{"taskleak_probe_hits", MetricType::kCounter, "",
      "How often a probe was hit."},
     write_hits},
    {{"taskleak_overhead_ratio", MetricType::kGauge, "ratio",
      "Share of one processor spent, on the daemon and, by calibrated cost "
      "and hits of probes, in the target."},
     write_overhead},
    {{"taskleak_target_start_time_seconds", MetricType::kGauge, "seconds",
      "When the target process started, as Unix time."},
     [](const MetricsTarget& t, Exposition& out) {
       out.sample_text(t.labels, seconds_text(t.snapshot.target.start_unix_ns));
     }},
};

/// "service.name" -> "service_name"; "" when nothing is left to name it.
std::string label_name(std::string_view name) {
  std::string clean;
  for (const char c : name.substr(0, kMaxShownBytes)) {
    const bool digit = c >= '0' && c <= '9';
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    clean += letter || (digit && !clean.empty()) ? c : '_';
  }
  // Names that begin with two underscores are Prometheus' own.
  clean.erase(0, std::min(clean.find_first_not_of('_'), clean.size()));
  return clean;
}

}  // namespace

MetricsTarget::MetricsTarget(const Report& report, std::size_t max_sites)
    : report(report), snapshot(*report.snapshot) {
  labels = LabelSet()
               .with("pid", std::to_string(snapshot.target.pid))
               .with("runtime", runtime_names(snapshot));
  std::unordered_set<std::string_view> seen;
  for (const std::uint32_t index : ranked_sites(report)) {
    // Ids are hashes: should two sites ever share one, a second series of the
    // same labels would void the whole scrape.
    const bool own = top_sites.size() < max_sites &&
                     seen.insert(snapshot.sites[index].id).second;
    (own ? top_sites : other_sites).push_back(index);
  }
}

std::span<const TargetFamily> target_families() { return kFamilies; }

LabelSet target_info_labels(const Snapshot& snapshot, const LabelSet& base) {
  const TargetInfo& target = snapshot.target;
  std::string versions;
  for (const RuntimeInfo& runtime : target.runtimes)
    versions += (versions.empty() ? "" : "+") + runtime.version;
  LabelSet labels = base.with("exe", target.exe)
                        .with("build_id", target.build_id)
                        .with("runtime_version", versions);
  std::unordered_set<std::string> taken = {"pid", "runtime", "exe", "build_id",
                                           "runtime_version"};
  for (const auto& [name, value] : target.labels) {
    const std::string clean = label_name(name);
    if (taken.size() >= kMaxInfoLabels) break;
    if (!clean.empty() && taken.insert(clean).second)
      labels = labels.with(clean, value);
  }
  return labels;
}

}  // namespace taskleak
