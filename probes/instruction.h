// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Where in a function a probe is cheap and true. A uprobe on an instruction
// that the kernel emulates costs one trap, on any other two (13 times as much
// where it was measured). So: the first emulated instruction that every call
// passes exactly once, behind Go's stack check (which runs again after the
// stack has grown), while the arguments are still in their registers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/strong.h"

namespace taskleak {

/// A place for a probe in a function's code.
struct ProbePlace {
  std::size_t offset = 0;           ///< from the function's first byte
  std::vector<std::uint8_t> bytes;  ///< the instruction there
  std::string instruction;          ///< "push rbp"
};

/// The registers that Go (from 1.17 on) passes the arguments and the goroutine
/// in, as bits.
enum ProbeRegister : std::uint8_t {
  kProbeAx = 1,
  kProbeBx = 2,
  kProbeCx = 4,
  kProbeDi = 8,
  kProbeSi = 16,
  kProbeR14 = 32,  ///< the goroutine that runs
  kProbeAll = 63,
};

/// Longest function that is looked through, bytes.
inline constexpr std::size_t kMaxFunctionBytes = 64 * 1024;
/// Instructions behind the stack check among which a place is looked for.
inline constexpr int kMaxPrologueInstructions = 12;

/// The place in the function whose whole code is `code`, linked at `entry`,
/// for a program that reads the registers `needed`. What every kernel since 6.1
/// emulates counts: the one-byte `nop` (longer ones are stepped on most),
/// `push` of a register, a little dearer; where there is neither (Go up to 1.20
/// has no push in its prologue), the first direct jump or call, on which every
/// call still is. kUnsupported: no such place, the text says what stands in the
/// way; kCorrupt: bytes that do not decode; kLimit: a function longer than
/// kMaxFunctionBytes.
Result<ProbePlace> find_probe_place(std::span<const std::byte> code, Addr entry,
                                    unsigned needed = kProbeAll);

}  // namespace taskleak
