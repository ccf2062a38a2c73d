// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The walk of runtime/traceback.go (unwinder.next), without its special cases
// for threads that run: a saved stack never stands between two of them.
#include "probes/go/unwind.h"

namespace taskleak {

std::uint64_t StackWalk::advance(Symbols& symbols, const StackBytes& bytes) {
  while (true) {
    const PcInfo& info = symbols.pc_info(pc_);
    if (info.entry == 0) return 0;
    if (!pushed_) {
      if (depth_ == kMaxFrames) return 0;
      complete_ = info.top_frame;
      // runtime.goexit under every goroutine is of no use to anyone.
      if (info.top_frame && depth_ != 0) return 0;
      // The table of places looks up the byte before a return address; one
      // that was interrupted there is meant itself.
      pcs_[depth_++] = injected_ ? pc_ + 1 : pc_;
      pushed_ = true;
    }
    if (info.top_frame || !info.known) return 0;
    if (info.writes_sp && depth_ > 1) return 0;
    const std::uint64_t slot = sp_ + info.frame_bytes;
    if (slot < sp_ || slot % 8 != 0 || slot + 8 > stack_hi_) return 0;
    if (!bytes.holds(slot, 8)) return slot;
    if (range_count_ < kMaxRanges)
      ranges_[range_count_++] = {pc_, sp_, slot, info.role};
    pc_ = bytes.word(slot);
    sp_ = slot + 8;
    injected_ = info.role == GoRole::kInjected;
    pushed_ = false;
  }
}

}  // namespace taskleak
