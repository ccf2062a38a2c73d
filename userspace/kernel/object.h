// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The loaded BPF object: whether this process may and this kernel can, the
// programs by what they record, the maps as file descriptors. Everything is
// gone when the last descriptor closes; nothing is pinned.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "kernel/kernel.h"

struct taskleak_bpf;

namespace taskleak {

/// A zeroed options struct of libbpf that says its own size. Padding is zero
/// too, since libbpf looks at every byte.
template <class T>
T libbpf_options() {
  T options;
  std::memset(&options, 0, sizeof options);
  options.sz = sizeof options;
  return options;
}

/// How links are made.
enum class Mechanism : std::uint8_t { kUprobeMulti, kPerfEvent };

void destroy_object(taskleak_bpf* object);
using ObjectPtr = std::unique_ptr<taskleak_bpf, Call<destroy_object>>;

struct LoadedObject {
  ObjectPtr object;
  Mechanism mechanism = Mechanism::kUprobeMulti;
  /// Are our pids those of the initial namespace, which programs see?
  bool initial_pid_namespace = false;

  bpf_program* program(ProbeProgram which) const;
  int targets_map() const;
  int counters_map() const;
  int sites_map() const;
  int parks_map() const;
  int waits_map() const;
  /// Runs that the kernel skipped because one was running already, all four
  /// programs and all targets together.
  std::uint64_t recursion_misses() const;
};

/// Errors as Kernel::load says.
Result<LoadedObject> load_object(const KernelLimits& limits);

/// What libbpf said since this was last called, its last line: the reason in
/// words for the errno that its caller got. The whole goes to the debug log.
std::string libbpf_complaint();

/// kDenied, with the command that grants it, when a capability that links of
/// this mechanism need is not effective.
Status check_capabilities(Mechanism mechanism);

}  // namespace taskleak
