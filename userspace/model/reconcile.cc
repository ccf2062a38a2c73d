// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Decides between state and events by the rules of reconcile.h.
#include "model/reconcile.h"

#include <algorithm>
#include <limits>

namespace taskleak {
namespace {

constexpr std::int64_t kNoBound = std::numeric_limits<std::int64_t>::min();

/// A wait began no earlier than `lo` and no later than `hi`.
struct Interval {
  std::int64_t lo = kNoBound;
  std::int64_t hi = 0;
};

Interval interval_of(const WaitStart& wait) {
  if (wait.source != WaitStartSource::kFirstSeen)
    return {wait.start_ns, wait.start_ns + wait.uncertainty_ns};
  if (wait.uncertainty_ns < 0) return {kNoBound, wait.start_ns};
  return {wait.start_ns - wait.uncertainty_ns, wait.start_ns};
}

WaitStart wait_of(const Interval& in, WaitStartSource source) {
  if (source != WaitStartSource::kFirstSeen)
    return {in.lo, in.hi - in.lo, source};
  return {in.hi, in.lo == kNoBound ? -1 : in.hi - in.lo, source};
}

/// What the epochs alone know: [not_yet, seen].
Interval seen_by_epochs(const WaitWitnesses& witnesses) {
  if (witnesses.not_yet_ns <= 0) return {kNoBound, witnesses.seen_ns};
  return {std::min(witnesses.not_yet_ns, witnesses.seen_ns), witnesses.seen_ns};
}

bool event_fits(std::int64_t event_ns, const Interval& in) {
  return event_ns <= in.hi &&
         (in.lo == kNoBound || event_ns >= in.lo - kParkSlackNs);
}

std::uint64_t less(std::uint64_t a, std::uint64_t b) {
  return a > b ? a - b : 0;
}

std::int64_t net(const EventSummary& events) {
  return static_cast<std::int64_t>(events.created) -
         static_cast<std::int64_t>(events.ended);
}

std::int64_t all_tasks(const CountWitnesses& witnesses) {
  return static_cast<std::int64_t>(witnesses.tasks + witnesses.system_tasks);
}

}  // namespace

WaitStart reconcile_wait(const WaitWitnesses& witnesses) {
  const bool is_new = witnesses.known.source == WaitStartSource::kNone;
  if (witnesses.known.source == WaitStartSource::kEvent) return witnesses.known;
  Interval in =
      is_new ? seen_by_epochs(witnesses) : interval_of(witnesses.known);
  if (witnesses.event_ns && event_fits(*witnesses.event_ns, in))
    return {*witnesses.event_ns, 0, WaitStartSource::kEvent};
  WaitStartSource source =
      is_new ? WaitStartSource::kFirstSeen : witnesses.known.source;
  const std::int64_t lo = std::max(in.lo, witnesses.runtime_earliest_ns);
  const std::int64_t hi = std::min(in.hi, witnesses.runtime_latest_ns);
  if (witnesses.runtime_latest_ns > 0 && lo <= hi) {
    in = {lo, hi};
    source = WaitStartSource::kRuntime;
  }
  return wait_of(in, source);
}

std::int64_t latest_start_ns(const WaitStart& wait) {
  return interval_of(wait).hi;
}

bool same_park(const EventPark& park, std::uint64_t raw_id, ReasonId reason,
               std::uint8_t census_run_count) {
  return park.raw_id == raw_id && park.raw_reason == reason.value &&
         static_cast<std::uint8_t>(park.run_count + 1) == census_run_count;
}

std::uint64_t CountLedger::created_by_events(const CountWitnesses& witnesses,
                                             const EventSummary& events) const {
  const bool attached = events.lifecycle_since_ns != 0;
  if (!attached || events.lifecycle_since_ns != since_ns_) return 0;
  const std::uint64_t system_since = witnesses.system_ever - system_then_;
  return created_then_ + less(events.created, system_since);
}

void CountLedger::fold_drift(const CountWitnesses& witnesses,
                             const EventSummary& events, Counts& counts) {
  counts.drift = 0;
  counts.drift_known = false;
  if (events.lifecycle_since_ns == since_ns_ && since_ns_ != 0) {
    counts.drift = tasks_then_ + net(events) - all_tasks(witnesses);
    counts.drift_known = true;
    return;
  }
  // What happened between the probes' coming and this walk is in both, so that
  // the state when they came is this walk's less what they counted.
  since_ns_ = events.lifecycle_since_ns;
  tasks_then_ = all_tasks(witnesses) - net(events);
  created_then_ = less(created_, events.created);
  system_then_ = witnesses.system_ever;
}

void CountLedger::fold(const CountWitnesses& witnesses,
                       const EventSummary& events, Counts& counts) {
  const CensusTotals& totals = witnesses.totals;
  const std::uint64_t seen =
      totals.created_exact ? less(totals.created, witnesses.system_ever)
                           : std::max(created_ + witnesses.born,
                                      created_by_events(witnesses, events));
  finished_ = std::max({finished_, less(seen, witnesses.tasks),
                        less(created_, witnesses.tasks)});
  created_ = finished_ + witnesses.tasks;
  counts.tasks = witnesses.tasks;
  counts.created = created_;
  counts.finished = finished_;
  counts.created_exact = totals.created_exact;
  counts.system_tasks = witnesses.system_tasks;
  counts.uncertainty = totals.created_during_walk + totals.ended_during_walk +
                       witnesses.torn + less(created_, seen);
  fold_drift(witnesses, events, counts);
}

std::uint64_t unexplained(const Counts& counts, const CensusTotals& totals,
                          std::uint64_t ended_since_last) {
  if (totals.oracle_live < 0) return 0;
  const auto oracle = static_cast<std::uint64_t>(totals.oracle_live);
  const std::uint64_t apart =
      std::max(less(counts.tasks, oracle), less(oracle, counts.tasks));
  return less(apart, counts.uncertainty + ended_since_last);
}

}  // namespace taskleak
