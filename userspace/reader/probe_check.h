// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Is the code that a probe was planned on the code that the process runs? A
// uprobe executes the file's instruction in place of what lies in memory: on
// code that the process patched (a hook, an agent) that would change what the
// program does.
#pragma once

#include "probes/probe_spec.h"
#include "target/memory.h"
#include "target/process.h"

namespace taskleak {

/// Moves to `plan.refused` the probes whose place is not mapped from the
/// executable, or holds other bytes in memory than in the file. A breakpoint
/// in the first byte is that of another tracer's probe, and no change. The rest
/// of their classes goes with them.
void refuse_changed_code(const Process& process, const MemoryReader& memory,
                         ProbePlan& plan);

}  // namespace taskleak
