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
  std::uint64_t pc;
  std::uint64_t sp;
  std::uint64_t return_slot;
  GoRole role;
};

class StackWalk {
 public:
  /// Of the innermost frames, those that are kept when they have a role.
  static constexpr std::size_t kMaxRanges = 8;

  /// Starts at the saved pc and sp of a stack that ends at `stack_hi`.
  StackWalk(Symbols& symbols, std::uint64_t pc, std::uint64_t sp,
            std::uint64_t stack_hi)
      : sp_(sp),
        stack_hi_(stack_hi),
        node_(symbols.frame_behind(StackTrie::kRoot, pc)) {}

  /// Goes on over `bytes`. 0: the walk has ended; else the address that it
  /// needs next.
  std::uint64_t advance(Symbols& symbols, const StackBytes& bytes);

  /// Where in the tree of `symbols` it stands.
  std::uint32_t node() const { return node_; }
  /// Frames among the innermost kMaxRanges that have a role.
  std::span<const FrameRange> ranges() const {
    return {ranges_.data(), range_count_};
  }
  /// Was it cut at StackTrie::kMaxFrames?
  bool cut(const Symbols& symbols) const;

 private:
  std::array<FrameRange, kMaxRanges> ranges_;
  std::size_t range_count_ = 0;
  std::uint64_t sp_ = 0, stack_hi_ = 0;
  std::uint32_t node_ = StackTrie::kNone;
};

}  // namespace taskleak
