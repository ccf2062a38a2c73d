// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// What a Go executable tells, as a report for a person.
#pragma once

#include "probes/runtime.h"

namespace taskleak {

/// As RuntimeKind::describe. kCorrupt: no ELF file, or its build information
/// makes no sense.
Result<BinaryReport> describe_go(int exe_fd, const LiveProcess* live);

}  // namespace taskleak
