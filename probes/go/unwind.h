// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Walks a parked goroutine's stack over copies of its bytes, by the frame
// sizes of Go's line table: exact for every Go function, also those without a
// frame pointer. It stops and says which address it needs when the bytes at
// hand end, so that many stacks can be read in rounds.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "probes/go/symbols.h"
#include "target/memory.h"

namespace taskleak {

/// Bytes of a stack, as copied from `at` on.
struct StackBytes {
  std::uint64_t at = 0;
  std::span<const std::byte> bytes;

  bool holds(std::uint64_t address, std::uint64_t size) const {
    return address >= at && address - at <= bytes.size() &&
           bytes.size() - (address - at) >= size;
  }
  std::uint64_t word(std::uint64_t address) const {
    return Record(bytes).u64(address - at);
  }
};

/// Where one frame lies: [sp, return_slot).
struct FrameRange {
  std::uint64_t pc = 0;
  std::uint64_t sp = 0;
  std::uint64_t return_slot = 0;
  GoRole role = GoRole::kNone;
};

class StackWalk {
 public:
  /// Deeper stacks are cut here, outermost frames lost.
  static constexpr std::size_t kMaxFrames = 128;
  /// The innermost frames whose place is kept.
  static constexpr std::size_t kMaxRanges = 8;

  StackWalk() = default;
  /// Starts at the saved pc and sp of a stack that ends at `stack_hi`.
  StackWalk(std::uint64_t pc, std::uint64_t sp, std::uint64_t stack_hi)
      : pc_(pc), sp_(sp), stack_hi_(stack_hi) {}

  /// Goes on over `bytes`. 0: the walk has ended; else the address that it
  /// needs next.
  std::uint64_t advance(Symbols& symbols, const StackBytes& bytes);

  std::span<const std::uint64_t> pcs() const { return {pcs_.data(), depth_}; }
  std::span<const FrameRange> ranges() const {
    return {ranges_.data(), range_count_};
  }
  /// Did it end where a goroutine's stack ends?
  bool complete() const { return complete_; }
  /// Was it cut at kMaxFrames?
  bool cut() const { return depth_ == kMaxFrames && !complete_; }

 private:
  std::array<std::uint64_t, kMaxFrames> pcs_;
  std::array<FrameRange, kMaxRanges> ranges_;
  std::size_t depth_ = 0;
  std::size_t range_count_ = 0;
  std::uint64_t pc_ = 0, sp_ = 0, stack_hi_ = 0;
  bool injected_ = false;  ///< pc_ was interrupted, not called from
  bool pushed_ = false;    ///< pc_ stands in pcs_ already
  bool complete_ = false;
};

}  // namespace taskleak
