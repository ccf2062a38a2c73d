// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The cycle of one target; see daemon/watch.h.
#include "daemon/watch.h"

#include <fmt/format.h>

#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/instance_lock.h"

namespace taskleak {
namespace {

// Runtimes are asked in registry order; until threads join the graph there is
// one that has code.
constexpr std::size_t kRuntime = 0;
// So many tasks born and none of them hit a probe: it sits in another file.
constexpr std::uint64_t kBlindBirths = 64;

struct Opened {
  Process process;
  Reader reader;
  Detection detection;
};

Result<Opened> open_target(const std::shared_ptr<Forker>& forker, pid_t pid,
                           const Options& options) {
  TRY(Process process, Process::open(pid, options.procfs));
  TRY(Reader reader, Reader::start(forker, pid, ReaderLimits{}));
  TRY(Detection detection, reader.detect());
  return Opened{std::move(process), std::move(reader), std::move(detection)};
}

std::vector<ProbeStatus> all_off(const ProbePlan& plan,
                                 const std::string& why) {
  std::vector<ProbeStatus> result;
  for (const PlannedProbe& probe : plan.probes)
    result.push_back({.name = probe.name, .attached = false, .why = why});
  for (const RefusedProbe& probe : plan.refused)
    result.push_back({.name = probe.name, .attached = false, .why = probe.why});
  return result;
}

}  // namespace

Result<std::unique_ptr<Watch>> Watch::open(
    const std::shared_ptr<Forker>& forker, pid_t pid, const Options& options,
    bool exclusive) {
  TRY(Opened opened, open_target(forker, pid, options));
  Fd lock;
  if (exclusive) {
    TRY(Fd held, lock_target(opened.process.identity()));
    lock = std::move(held);
  }
  return std::unique_ptr<Watch>(new Watch(
      forker, pid, options, std::move(opened.process), std::move(lock),
      std::move(opened.reader), std::move(opened.detection)));
}

Watch::Watch(std::shared_ptr<Forker> forker, pid_t pid, const Options& options,
             Process process, Fd lock, Reader reader, Detection detection)
    : forker_(std::move(forker)),
      pid_(pid),
      options_(options),
      process_(std::move(process)),
      lock_(std::move(lock)),
      reader_(std::move(reader)),
      detection_(std::move(detection)),
      table_(detection_.target) {}

Watch::~Watch() { detach_all(); }

void Watch::detach_all() {
  if (slot_) probes_.kernel->remove_target(*slot_);
  slot_.reset();
  governor_.reset();
}

void Watch::attach_probes(const ProbeSource& source) {
  probes_ = source;
  if (probes_.kernel == nullptr) return;
  const ProbePlan& plan = detection_.plans[kRuntime];
  const NamespacedPid& pid = process_.namespaced_pid();
  auto slot =
      probes_.kernel->add_target({.pid = pid.own,
                                  .inner_pid = pid.inner,
                                  .namespace_device = pid.namespace_device,
                                  .namespace_inode = pid.namespace_inode},
                                 process_.exe_fd(), plan);
  if (!slot) {
    probes_.why_none = slot.error().message();
    log(LogLevel::kWarn, "no probes: reading state alone",
        {{"pid", std::to_string(pid_)}, {"err", probes_.why_none}});
    return;
  }
  slot_ = *slot;
  governor_.emplace(options_.overhead_budget, probes_.cost_per_hit_ns);
  for (const auto probe_class : {ProbeClass::kLifecycle, ProbeClass::kWait})
    apply({.probe_class = probe_class, .attach = true, .why = "started"});
  govern(monotonic_now_ns());  // its first look is the baseline
}

void Watch::apply(const GovernorAction& action) {
  const std::string name = probe_class_name(action.probe_class);
  if (!action.attach) {
    probes_.kernel->detach(*slot_, action.probe_class, action.why);
    log(LogLevel::kInfo, "probes detached",
        {{"pid", std::to_string(pid_)}, {"class", name}, {"why", action.why}});
    return;
  }
  const Status status = probes_.kernel->attach(*slot_, action.probe_class);
  // Of a target that ended meanwhile the next epoch tells.
  const bool warn = !status && status.error().code() != Errc::kGone;
  log(warn ? LogLevel::kWarn : LogLevel::kDebug,
      status ? "probes attached" : "probes cannot be attached",
      {{"pid", std::to_string(pid_)},
       {"class", name},
       {"why", status ? action.why : status.error().message()}});
}

void Watch::govern(std::int64_t now_ns) {
  if (!slot_) return;
  const auto hits = probes_.kernel->hits(*slot_);
  if (!hits) return;
  const std::array<bool, kProbeClasses> attached = {
      probes_.kernel->attached(*slot_, ProbeClass::kLifecycle),
      probes_.kernel->attached(*slot_, ProbeClass::kWait)};
  if (const auto action = governor_->tick(now_ns, *hits, attached))
    apply(*action);
}

Status Watch::start_over() {
  log(LogLevel::kInfo, "the target executed another program",
      {{"pid", std::to_string(pid_)}});
  detach_all();
  TRY(Opened opened, open_target(forker_, pid_, options_));
  process_ = std::move(opened.process);
  reader_ = std::move(opened.reader);
  detection_ = std::move(opened.detection);
  table_ = TaskTable(detection_.target);
  history_ = History();
  last_events_ = {};
  full_next_ = true;
  latest_.reset();
  attach_probes(probes_);
  return {};
}

Status Watch::restart_reader() {
  TRY(Reader reader, Reader::start(forker_, pid_, ReaderLimits{}));
  TRY(Detection detection, reader.detect());
  reader_ = std::move(reader);
  detection_ = std::move(detection);
  reader_failed_ = false;
  full_next_ = true;
  return {};
}

Result<CensusTotals> Watch::fold_census() {
  if (reader_failed_) TRY(restart_reader());
  CensusTotals totals;
  const Status folded =
      reader_.census(kRuntime, std::exchange(full_next_, false),
                     table_.pcs_to_name(last_events_), [&](Census part) {
                       totals = part.totals;
                       return table_.fold_part(std::move(part));
                     });
  // Whatever failed, the table may hold a part of it: the next census comes
  // from a new reader, and is full.
  reader_failed_ = !folded;
  TRY(folded);
  return totals;
}

EventSummary Watch::take_events(double daemon_overhead_ratio) {
  EventSummary events;
  if (slot_) {
    if (auto summary = probes_.kernel->summarize(*slot_))
      events = std::move(*summary);
    events.target_overhead_ratio = governor_->target_ratio();
  } else {
    events.probes = all_off(detection_.plans[kRuntime], probes_.why_none);
  }
  events.taken_ns = monotonic_now_ns();
  events.daemon_overhead_ratio = daemon_overhead_ratio;
  return events;
}

void Watch::check_sight(const CensusTotals& totals) {
  if (last_events_.lifecycle_since_ns == 0) {
    created_when_attached_.reset();
    return;
  }
  if (!created_when_attached_) created_when_attached_ = totals.created;
  if (last_events_.created != 0 ||
      totals.created < *created_when_attached_ + kBlindBirths)
    return;
  detach_all();
  probes_.why_none =
      "probes see nothing of this process: its executable was changed after "
      "it started (on overlayfs a change of its mode or owner is enough)";
  log(LogLevel::kWarn, "no probes: reading state alone",
      {{"pid", std::to_string(pid_)}, {"err", probes_.why_none}});
  last_events_ = take_events(last_events_.daemon_overhead_ratio);
}

Status Watch::epoch(double daemon_overhead_ratio) {
  if (const Status same = process_.still_same(); !same) {
    if (same.error().code() != Errc::kNotFound) return same;
    TRY(start_over());
  }
  auto census = fold_census();
  if (!census) {
    // The census may have failed because the target ended under it.
    TRY(process_.still_same());
    return std::unexpected(std::move(census.error()).in("census"));
  }
  last_events_ = take_events(daemon_overhead_ratio);
  check_sight(*census);
  const ParkLookup parks =
      [this](std::uint64_t record) -> std::optional<EventPark> {
    if (!slot_) return std::nullopt;
    return probes_.kernel->park(*slot_, record);
  };
  table_.finish(last_events_, parks);
  const Policy policy{.suspect_after_ns = options_.suspect_after_ns};
  auto report =
      std::make_shared<const Report>(judge(table_.freeze(), history_, policy));
  history_.remember(*report);
  latest_ = std::move(report);
  return {};
}

}  // namespace taskleak
