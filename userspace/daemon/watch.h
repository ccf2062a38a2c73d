// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// One watched target: its reader child, its place in the loaded BPF object, its
// tasks and their history. Each epoch it asks both witnesses, folds them and
// judges; between epochs it lets the governor keep the probes' cost in budget.
// When the target executes another program it starts over with that; when the
// reader fails, the epoch fails and the next one starts a new reader.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "daemon/options.h"
#include "kernel/governor.h"
#include "kernel/kernel.h"
#include "model/task_table.h"
#include "reader/reader.h"
#include "target/process.h"
#include "verdict/judge.h"

namespace taskleak {

/// The loaded programs and what a hit of each costs; none on state alone.
struct ProbeSource {
  Kernel* kernel = nullptr;
  std::array<double, kProbePrograms> cost_per_hit_ns{};
  std::string why_none;  ///< why there is no kernel, in words for coverage
};

class Watch {
 public:
  /// Finds the target and its runtime; `forker` makes its readers. With
  /// `exclusive`, no other daemon may watch it. The errors of Process::open,
  /// Reader::detect and lock_target.
  static Result<std::unique_ptr<Watch>> open(
      const std::shared_ptr<Forker>& forker, pid_t pid, const Options& options,
      bool exclusive);
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch();

  /// Attaches what its plan allows. A probe that cannot be had is a line of
  /// coverage, never an error.
  void attach_probes(const ProbeSource& source);
  /// One epoch. kGone: the target has ended; kUnsupported and kNotFound: it
  /// executed a program that we cannot read; anything else may pass: call
  /// again. `daemon_overhead_ratio` is what the daemon says of itself.
  Status epoch(double daemon_overhead_ratio);
  /// Lets the governor look at the hits so far.
  void govern(std::int64_t now_ns);
  /// When it wants to look again, CLOCK_MONOTONIC; only with probes.
  std::int64_t govern_again_ns(std::int64_t now_ns) const {
    return governor_->next_tick_ns(now_ns);
  }

  pid_t pid() const { return pid_; }
  pid_t reader_pid() const { return reader_.child_pid(); }
  /// Readable once the target has ended.
  int pidfd() const { return process_.pidfd(); }
  bool has_probes() const { return slot_.has_value(); }
  /// The newest report, null before the first epoch.
  const std::shared_ptr<const Report>& latest() const { return latest_; }
  const TargetInfo& target() const { return detection_.target; }

 private:
  Watch(std::shared_ptr<Forker> forker, pid_t pid, const Options& options,
        Process process, Fd lock, Reader reader, Detection detection);
  void detach_all();
  void apply(const GovernorAction& action);
  Status start_over();
  Status restart_reader();
  Result<CensusTotals> fold_census();
  EventSummary take_events(double daemon_overhead_ratio);
  /// Detaches probes that saw none of the tasks that `census` says were born.
  void check_sight(const CensusTotals& totals);

  std::shared_ptr<Forker> forker_;
  pid_t pid_;
  Options options_;
  Process process_;
  Fd lock_;
  Reader reader_;
  Detection detection_;
  TaskTable table_;
  History history_;
  ProbeSource probes_;
  std::optional<TargetSlot> slot_;
  std::optional<Governor> governor_;
  /// The runtime's counter at the first census with lifecycle probes on.
  std::optional<std::uint64_t> created_when_attached_;
  EventSummary last_events_;
  bool reader_failed_ = false;
  bool full_next_ = true;
  std::shared_ptr<const Report> latest_;
};

}  // namespace taskleak
