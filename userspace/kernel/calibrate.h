// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// What a hit costs here, measured: the real programs on the real kind of
// instruction (push rbp), in this process, with made-up g structs.
#pragma once

#include <array>

#include "base/result.h"
#include "kernel/kernel.h"

namespace taskleak {

/// Nanoseconds a hit, by program: median over rounds, bare calls subtracted.
Result<std::array<double, kProbePrograms>> calibrate_probes(Kernel& kernel);

}  // namespace taskleak
