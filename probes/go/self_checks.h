// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Contradictions within what a target says of itself. A version that is not
// the binary's, a list that names one goroutine twice, more goroutines than
// were ever created: each would give an answer that looks right.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "model/task.h"
#include "probes/go/globals.h"
#include "probes/go/piece_reader.h"
#include "probes/go/version.h"

namespace taskleak {

/// More goroutines than a program can have created (at one a nanosecond, 104
/// days); a larger count is none.
inline constexpr std::uint64_t kMaxCreated = std::uint64_t{1} << 53;

/// Are the wait reasons, in the runtime's order, those of this version? A sign
/// that is independent of the version's text and of debug information. Of
/// versions newer than all that are known nothing is said. kCorrupt.
Status check_version(GoVersion version, std::span<const WaitReason> reasons);

/// Do records, sorted by address, lie apart? kCorrupt when two overlap.
Status check_apart(std::span<const Piece> records);

/// Can so many goroutines live after so many were created? kCorrupt.
Status check_created(const GoCounters& counters, std::uint64_t live);

}  // namespace taskleak
