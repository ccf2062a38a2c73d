// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Runs one small function of a target on our side, over the target's memory,
// to learn what it would return: a runtime's own arithmetic about itself holds
// for any version of it. Nothing is ever written to the target: it is read
// only, and the function's stack is ours. Both code and memory may be hostile,
// so steps are counted, and whatever is not plainly understood (an unknown
// instruction, a call, a register nobody has set, a store elsewhere) refuses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/result.h"
#include "target/memory.h"

namespace taskleak {

/// The code of a function, and where the process has it.
struct InterpretedCode {
  Addr entry;
  std::span<const std::byte> bytes;
};

/// Longest function that is run, in bytes.
inline constexpr std::size_t kMaxInterpretedBytes = 4096;
/// Instructions until it is given up. A loop over all processors of a Go
/// program, of which we believe 65,536, takes some 8 each.
inline constexpr std::uint64_t kMaxInterpretedSteps = 1 << 20;
/// The stack that it has.
inline constexpr std::size_t kInterpretedStackBytes = 512;

/// What the x86-64 function returns in AX, called with `argument` there;
/// without one, AX is as unknown as all other registers but SP. kUnsupported:
/// it does something that is not understood, the text says what; kLimit: too
/// long, or too many steps; kFault and kGone as `memory` says.
Result<std::uint64_t> interpret(
    const MemoryReader& memory, const InterpretedCode& code,
    std::optional<std::uint64_t> argument = std::nullopt);

}  // namespace taskleak
