// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Decodes runtime.g.
#include "probes/go/g_record.h"

namespace taskleak {

GRecord decode_g(std::uint64_t address, std::span<const std::byte> bytes,
                 const GoLayout& layout) {
  const Record raw(bytes);
  const GKey key = decode_g_key(bytes, layout);
  const auto& at = layout.g;
  GRecord g{.address = address,
            .goid = key.goid,
            .self = raw.u64(at.sched + layout.gobuf.g),
            .waitsince = key.waitsince,
            .pc = raw.u64(at.sched + layout.gobuf.pc),
            .sp = raw.u64(at.sched + layout.gobuf.sp),
            .stack_lo = raw.u64(at.stack),
            .stack_hi = raw.u64(at.stack + 8),
            .waiting = raw.u64(at.waiting),
            .labels = raw.u64(at.labels),
            .timer = raw.u64(at.timer),
            .gopc = raw.u64(at.gopc),
            .startpc = raw.u64(at.startpc),
            .status = key.status,
            .tracking_seq = key.tracking_seq,
            .wait_reason = raw.u8(at.waitreason)};
  if (GoLayout::has(at.parent_goid)) g.parent_goid = raw.u64(at.parent_goid);
  if (GoLayout::has(at.sleep_when)) g.sleep_when = raw.i64(at.sleep_when);
  if (GoLayout::has(at.sync_group)) g.fake_time = raw.u64(at.sync_group) != 0;
  // In a system call sched may be stale after a callback from C; these are
  // what the collector goes by (reentersyscall).
  if (g.status == kGSyscall) {
    g.sp = raw.u64(at.syscallsp);
    g.pc = raw.u64(at.syscallpc);
  }
  return g;
}

TaskState g_task_state(std::uint8_t status) {
  switch (status) {
    case kGRunnable: return TaskState::kRunnable;
    case kGRunning:
    case kGCopystack: return TaskState::kRunning;
    case kGSyscall: return TaskState::kSyscall;
    case kGWaiting:
    case kGPreempted:
    case kGLeaked: return TaskState::kBlocked;
    default: return TaskState::kUnknown;
  }
}

}  // namespace taskleak
