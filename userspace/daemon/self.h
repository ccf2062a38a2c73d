// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The daemon looking at itself: the CPU it used with its readers (a guest must
// know what it costs), and the rights it can do without.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>

#include "base/result.h"
#include "kernel/kernel.h"
#include "view/views.h"

namespace taskleak {

/// CPU time of this process and of the live children named, nanoseconds. A
/// child that has ended counts 0.
std::int64_t cpu_time_with_children_ns(std::span<const pid_t> children);

/// The process_* facts as they are now.
ProcessFacts process_facts();

/// Gives up every capability that watching does not need, for good, and the
/// way to new ones. Kept: CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH (to read a
/// target), and with probes what attaching them again takes: CAP_BPF and
/// CAP_PERFMON, where links are perf events CAP_SYS_ADMIN too.
Status drop_capabilities(const Kernel* kernel);

}  // namespace taskleak
