// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// A Snapshot is all that is known of one target at one epoch, frozen. Every
// view of epoch N (metrics, JSON, page, profile, log) is rendered from the same
// Snapshot, so that they can never contradict each other.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/events.h"
#include "model/task.h"
#include "model/task_list.h"

namespace taskleak {

struct RuntimeInfo {
  std::string name;     ///< "go"
  std::string version;  ///< "go1.26.8"
};

struct TargetInfo {
  std::int32_t pid = 0;
  std::int64_t start_unix_ns = 0;
  /// The same moment on CLOCK_MONOTONIC, 0 = not known: no wait is older.
  std::int64_t start_monotonic_ns = 0;
  std::string exe;
  std::string build_id;
  std::vector<RuntimeInfo> runtimes;
  std::map<std::string, std::string> labels;  ///< allow-listed facts only
};

/// What may be missing from this snapshot. It can only weaken a verdict.
struct Coverage {
  bool complete = true;  ///< no torn task, no loss since the last epoch
  std::uint64_t torn_tasks = 0;
  std::uint64_t torn_tasks_total = 0;
  std::map<std::string, std::uint64_t> lost_events;  ///< totals by stage
  std::vector<ProbeStatus> probes;
  std::vector<std::string> notes;
};

/// created - finished = tasks, always: `finished` is derived, `created` only
/// grows. System tasks are in none of the three.
struct Counts {
  /// Only `tasks` and `uncertainty` are known, by the runtime's own count: no
  /// task could be read. Whoever shows the other numbers leaves them out then,
  /// but that all tasks are in the state and have the verdict "unknown".
  bool count_only = false;
  std::uint64_t tasks = 0;
  std::uint64_t created = 0;
  std::uint64_t finished = 0;
  /// True when `created` is the runtime's own exact counter; false: what was
  /// seen since attach.
  bool created_exact = false;
  std::uint64_t system_tasks = 0;
  /// Tasks that were being created or torn while we walked: the true count at
  /// any moment of the walk is within this much of `tasks`.
  std::uint64_t uncertainty = 0;
  std::array<std::uint64_t, kTaskStates> by_state{};
  std::array<std::uint64_t, kWaitKinds> blocked_by_kind{};
  /// What events alone would have said (tasks at attach + created - ended),
  /// less `tasks`: the error that the census corrected. Valid while
  /// `drift_known`.
  std::int64_t drift = 0;
  bool drift_known = false;
};

/// Where tasks are created and where they block: what a person mends. System
/// tasks belong to no site.
struct Site {
  std::string id;  ///< 12 hex digits, the same for the same site in every run
  std::uint8_t runtime = 0;
  FrameId created_at;  ///< none = not known
  FrameId blocked_at;  ///< innermost frame of the user's own code; none while
                       ///< not blocked
  ReasonId reason;     ///< none while not blocked
  std::uint64_t tasks = 0;
  /// Events since the probes came, of the creation site (all its block sites
  /// together); -1 = no event was counted.
  std::int64_t created = -1;
  std::int64_t finished = -1;
  WaitStart oldest_wait;
};

/// Interned names that tasks and sites point into. Shared between epochs,
/// never changed once published.
struct SnapshotTables {
  std::vector<RuntimeInfo> runtimes;
  std::vector<Frame> frames;
  std::vector<std::vector<FrameId>> stacks;
  std::vector<Labels> labels;
  std::vector<WaitReason> reasons;
};

/// Waits that ended while wait probes were attached.
struct WaitSeries {
  FrameId created_at;
  ReasonId reason;
  WaitHistogram histogram;
};

struct Snapshot {
  std::uint64_t epoch = 0;
  std::int64_t taken_ns = 0;       ///< CLOCK_MONOTONIC, when the walk began
  std::int64_t taken_unix_ns = 0;  ///< the same moment as wall time
  std::int64_t duration_ns = 0;    ///< of the walk
  TargetInfo target;
  Coverage coverage;
  Counts counts;
  TaskList tasks;           ///< live ones, system tasks too, in a stable order
  std::vector<Site> sites;  ///< by tasks, most first
  std::vector<WaitSeries> wait_series;
  EventSummary events;
  std::shared_ptr<const SnapshotTables> tables;

  /// Wall time of a monotonic moment, nanoseconds since the Unix epoch.
  std::int64_t unix_ns(std::int64_t monotonic_ns) const {
    return monotonic_ns - taken_ns + taken_unix_ns;
  }
};

}  // namespace taskleak
