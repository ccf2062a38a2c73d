// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// What a process must show before anything that was found in its executable is
// believed: it runs this very file, and the runtime's variables hold what only
// they can hold.
#pragma once

#include "base/result.h"
#include "probes/go/globals.h"
#include "probes/go/go_program.h"
#include "target/memory.h"

namespace taskleak {

/// The globals of the process in `memory`, checked. kCorrupt: it does not run
/// the file, or a global is not what it should be; the text says which.
/// kUnsupported: one that is needed was not found in the file.
Result<GoGlobals> check_process(const GoProgram& program,
                                const MemoryReader& memory);

}  // namespace taskleak
