// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The walk of runtime/traceback.go (unwinder.next), without its special cases
// for threads that run: a saved stack never stands between two of them.
#include "probes/go/unwind.h"

namespace taskleak {

std::uint64_t StackWalk::advance(Symbols& symbols, const StackBytes& bytes) {
  while (node_ != StackTrie::kNone) {
    const StackNode& frame = symbols.node(node_);
    if (frame.last) return 0;
    const std::uint64_t slot = sp_ + frame.frame_bytes;
    if (slot < sp_ || slot % 8 != 0 || slot + 8 > stack_hi_) return 0;
    if (!bytes.holds(slot, 8)) return slot;
    if (frame.role != GoRole::kNone && frame.depth <= kMaxRanges)
      ranges_[range_count_++] = {frame.pc, sp_, slot, frame.role};
    node_ = symbols.frame_behind(node_, bytes.word(slot));
    sp_ = slot + 8;
  }
  return 0;
}

bool StackWalk::cut(const Symbols& symbols) const {
  if (node_ == StackTrie::kNone) return false;
  const StackNode& end = symbols.node(node_);
  return end.depth == StackTrie::kMaxFrames && !end.complete;
}

}  // namespace taskleak
