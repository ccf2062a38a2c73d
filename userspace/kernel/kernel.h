// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The kernel's side of events: one loaded BPF object for all targets, probes
// attached and detached by class, and what they counted. The only user of
// libbpf. Links are file descriptors of this process: when it dies, however it
// dies, nothing of it stays.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "model/events.h"
#include "probes/probe_spec.h"

namespace taskleak {

/// Bounds of the kernel's maps, entries, shared by all targets; reaching one is
/// counted as a loss. Memory is taken as entries come.
struct KernelLimits {
  std::uint32_t sites = 16'384;   ///< creation sites
  std::uint32_t parks = 262'144;  ///< tasks that ever parked while attached
  std::uint32_t waits = 16'384;   ///< creation sites times wait reasons
  /// False: perf-event links even where the kernel has uprobe_multi.
  bool uprobe_multi = true;
};

/// Which process a target is, to system calls and to the programs.
struct TargetPid {
  pid_t pid = 0;  ///< in this process's own pid namespace
  /// In the target's own pid namespace, and which that is (stat(2) of
  /// /proc/PID/ns/pid). Needed where this process is not in the initial one.
  pid_t inner_pid = 0;
  std::uint64_t namespace_device = 0;
  std::uint64_t namespace_inode = 0;
};

/// A target's place in the loaded object.
using TargetSlot = Index<struct TargetSlotTag>;

/// Hits of each program on one target since it was added.
using ProbeHits = std::array<std::uint64_t, kProbePrograms>;

class Kernel {
 public:
  /// Loads the programs. kUnsupported: this kernel cannot run them (no BTF, no
  /// attach cookies), the text says what is missing; kDenied: a capability is
  /// missing, the text names it and the command that grants it.
  static Result<Kernel> load(const KernelLimits& limits);
  Kernel(Kernel&&) noexcept;
  Kernel& operator=(Kernel&&) noexcept;
  ~Kernel();

  /// A slot for a process whose executable is open as `exe_fd` (kept
  /// duplicated). Attaches nothing yet. kLimit: all slots are taken;
  /// kUnsupported: programs could not tell the process from others.
  Result<TargetSlot> add_target(const TargetPid& pid, int exe_fd,
                                const ProbePlan& plan);
  /// Detaches all and frees the slot and its map entries.
  void remove_target(TargetSlot slot);

  /// Attaches all planned probes of a class, all or none (after checking each
  /// place's bytes in the file). Counts of the class start anew. kGone: the
  /// process ended; kCorrupt: other bytes than planned; kNotFound: the plan has
  /// no probe of this class.
  Status attach(TargetSlot slot, ProbeClass probe_class);
  /// `why` shows in ProbeStatus until the class is attached again.
  void detach(TargetSlot slot, ProbeClass probe_class, std::string why);
  bool attached(TargetSlot slot, ProbeClass probe_class) const;

  /// Cheap: one read of a per-CPU record.
  Result<ProbeHits> hits(TargetSlot slot) const;
  /// Everything counted so far; reads the maps in batches.
  Result<EventSummary> summarize(TargetSlot slot) const;
  /// The last park seen of the task whose record lies at `record`, unless it
  /// was readied since. The task may have woken unseen and parked again:
  /// belongs to its present wait only if raw_id and run_count + 1 are the
  /// census's.
  std::optional<EventPark> park(TargetSlot slot, std::uint64_t record) const;

  /// Measures what one hit of each program costs this machine: runs it on a
  /// function of this process, bare and probed in turn. Nanoseconds a hit.
  /// Takes a slot while it runs.
  Result<std::array<double, kProbePrograms>> calibrate();
  /// "uprobe_multi" or "perf_event".
  std::string attach_mechanism() const;

 private:
  Kernel();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace taskleak
