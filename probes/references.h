// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Which global data a function refers to, and how: x86-64 code names globals
// relative to its own place, in every kind of executable, so that the machine
// code tells where they lie when no symbol does. Comes in: the code of one
// function; leaves: a list of (address, use). What cannot be followed for
// certain is left out, never guessed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/strong.h"

namespace taskleak {

/// What an instruction does with the memory at an address.
enum class DataUse : std::uint8_t {
  kLoad,
  kStore,
  kCompare,
  kAddress,   ///< takes the address itself (lea)
  kModify,    ///< increments it, adds to it, ...
  kSwap,      ///< xchg: how Go stores atomically
  kFetchAdd,  ///< lock xadd: how Go adds atomically
  kArgument,  ///< calls a function with the address as first argument
};
/// "load", "store", ...
const char* data_use_name(DataUse use);

struct DataReference {
  Addr at;  ///< linked
  DataUse use = DataUse::kLoad;
  std::uint8_t bytes = 0;  ///< width of the access; 0: kAddress, kArgument
  Addr callee;             ///< of kArgument: the function called
};

/// Longest function that is looked through for references, bytes (the longest
/// of the runtime has some 12 KiB).
inline constexpr std::size_t kMaxReferringBytes = 256 << 10;

/// The references in the order of the code, those through a register too, as
/// long as it certainly holds the address. `code` is linked at `entry` and may
/// end with padding. kCorrupt: bytes that do not decode; kLimit: longer than
/// kMaxReferringBytes.
Result<std::vector<DataReference>> find_references(
    std::span<const std::byte> code, Addr entry);

/// The constants that the code compares registers with, each once. Errors as
/// above.
Result<std::vector<std::uint64_t>> compared_constants(
    std::span<const std::byte> code, Addr entry);

}  // namespace taskleak
