// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// A probe as data. A runtime says which function it wants to see and with
// which program; the planner turns that into a checked file offset on an
// instruction that the kernel emulates; kernel/ attaches it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace taskleak {

/// Probes that are switched on and off together by the governor. The dearest
/// goes first.
enum class ProbeClass : std::uint8_t {
  kLifecycle,  ///< tasks created and ended
  kWait,       ///< tasks parked and readied
};
inline constexpr int kProbeClasses = 2;
/// "lifecycle", "wait".
const char* probe_class_name(ProbeClass probe_class);

/// Programs of bpf/, by what they record.
enum class ProbeProgram : std::uint8_t { kGoCreate, kGoEnd, kGoPark, kGoReady };
inline constexpr int kProbePrograms = 4;

/// One probe, planned: everything attach needs, nothing left to guess.
struct PlannedProbe {
  std::string name;    ///< as metrics and coverage name it: "go.newproc1"
  std::string symbol;  ///< "runtime.newproc1"
  ProbeProgram program = ProbeProgram::kGoCreate;
  ProbeClass probe_class = ProbeClass::kLifecycle;
  std::uint64_t file_offset = 0;
  /// The instruction's bytes at that place, checked again before attaching.
  std::vector<std::uint8_t> bytes;
  std::string instruction;  ///< "push rbp": for `layout` and logs
};

/// A probe that cannot be had, and why; it becomes a line of coverage.
struct RefusedProbe {
  std::string name;
  ProbeClass probe_class = ProbeClass::kLifecycle;
  std::string why;
};

/// What the programs need to know of a target; one record of the kernel's
/// configuration map, found by the link's cookie. Field offsets in bytes.
struct ProbeConfig {
  std::uint16_t go_goid = 0;
  std::uint16_t go_gopc = 0;
  std::uint16_t go_tracking_seq = 0;
};

struct ProbePlan {
  std::vector<PlannedProbe> probes;
  std::vector<RefusedProbe> refused;
  ProbeConfig config;
};

/// Moves the other probes of every class with a refused probe to
/// `plan.refused`: ends without creations, or parks without wakes, would count
/// nonsense.
void drop_incomplete_classes(ProbePlan& plan);

}  // namespace taskleak
