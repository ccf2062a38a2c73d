// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The one place that decides between the witnesses: when a wait began, how
// many tasks there are, were created and have finished, and by how much events
// alone would have been wrong. Pure functions and a ledger; the rules stand at
// each. State (the census) is believed for what exists, events for what
// happened in between, and neither may contradict what an earlier epoch saw.
#pragma once

#include <cstdint>
#include <optional>

#include "model/census.h"
#include "model/events.h"
#include "model/snapshot.h"

namespace taskleak {

/// What the witnesses say of when one task's wait began. CLOCK_MONOTONIC.
struct WaitWitnesses {
  /// What is known of this very wait from earlier; kNone: it is a new one.
  WaitStart known;
  /// It certainly was not in this wait then (it ran, or was not born): the
  /// begin of the last walk that saw so, 0 = no such moment is known. Not
  /// used when the wait is known.
  std::int64_t not_yet_ns = 0;
  /// It certainly was in this wait by then: the end of the walk that found it.
  std::int64_t seen_ns = 0;
  /// The runtime's own record; both 0: it says nothing.
  std::int64_t runtime_earliest_ns = 0;
  std::int64_t runtime_latest_ns = 0;
  /// The park that a probe saw, if it is this wait's.
  std::optional<std::int64_t> event_ns;
};

/// The tightest interval that no witness contradicts, and its source.
///
/// Each witness gives an interval: an event a point, the runtime a range, the
/// epochs [not_yet, seen]. The interval of the epochs always holds. An event
/// inside it is exact and ends the question. Else the runtime's range is
/// intersected with it; a range that does not meet it belongs to another wait
/// and is dropped. So an interval can only shrink as epochs go on: knowledge of
/// one wait never gets worse, and its source only better.
WaitStart reconcile_wait(const WaitWitnesses& witnesses);

/// The last moment at which the wait can have begun.
std::int64_t latest_start_ns(const WaitStart& wait);

/// Is this park the beginning of the wait that the census found? The probe
/// sits before the runtime counts the park, hence one less (8 bits).
bool same_park(const EventPark& park, std::uint64_t raw_id, ReasonId reason,
               std::uint8_t census_run_count);

/// A probe fires before the park shows in the task's state, and the thread may
/// be preempted between the two: an event this much before a walk that still
/// saw the task running is believed.
inline constexpr std::int64_t kParkSlackNs = 10'000'000;

/// One epoch's counts, as both witnesses give them.
struct CountWitnesses {
  std::uint64_t tasks = 0;         ///< in the table, system ones left out
  std::uint64_t system_tasks = 0;  ///< in the table
  std::uint64_t born = 0;          ///< of `tasks`: first seen now
  std::uint64_t system_ever = 0;   ///< system tasks ever seen
  std::uint64_t torn = 0;
  CensusTotals totals;
};

/// Counts over the epochs. The rules:
/// - `tasks` is what the walk found. It is never corrected by events.
/// - `created` is the runtime's exact counter less the system tasks ever seen;
///   without a counter, what was seen first at each epoch plus, while the
///   probes are attached, the short-lived tasks that only events saw.
/// - `finished` = created - tasks. Walk and counter are not read at one
///   moment, so this may seem to sink under load; then `finished` stays, and
///   `created` is raised to match until the counter catches up. What it was
///   raised by is part of the uncertainty. So at every epoch: created and
///   finished have not sunk, and created - finished = tasks.
class CountLedger {
 public:
  /// Fills tasks, created, finished, created_exact, system_tasks, uncertainty,
  /// drift.
  void fold(const CountWitnesses& witnesses, const EventSummary& events,
            Counts& counts);

 private:
  std::uint64_t created_by_events(const CountWitnesses& witnesses,
                                  const EventSummary& events) const;
  void fold_drift(const CountWitnesses& witnesses, const EventSummary& events,
                  Counts& counts);

  std::uint64_t created_ = 0;
  std::uint64_t finished_ = 0;
  /// State when the lifecycle probes came, taken from the first fold that knew
  /// of them; anew after every gap, in which events are not counted.
  std::int64_t since_ns_ = 0;
  std::int64_t tasks_then_ = 0;  ///< system tasks too: probes see all
  std::uint64_t created_then_ = 0;
  std::uint64_t system_then_ = 0;  ///< system tasks ever seen by then
};

/// How far the walk's count is from the runtime's own, beyond what tasks that
/// came and went meanwhile explain; 0 = they agree or it keeps none.
std::uint64_t unexplained(const Counts& counts, const CensusTotals& totals,
                          std::uint64_t ended_since_last);

}  // namespace taskleak
