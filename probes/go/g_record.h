// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// One goroutine's own record (runtime.g), decoded from one copy of its bytes.
#pragma once

#include <cstdint>
#include <span>

#include "model/task.h"
#include "probes/go/layout.h"
#include "target/memory.h"

namespace taskleak {

/// Status of a g (runtime/runtime2.go, 1.18 .. 1.27), the scan bit cut off.
enum GStatus : std::uint8_t {
  kGIdle = 0,
  kGRunnable = 1,
  kGRunning = 2,
  kGSyscall = 3,
  kGWaiting = 4,
  kGDead = 6,
  kGCopystack = 8,  ///< runs; its stack is being moved
  kGPreempted = 9,
  kGLeaked = 10,     ///< 1.26: parked, found unreachable by the collector
  kGDeadExtra = 11,  ///< 1.26: belongs to a spare thread for C
  kGUnknown = 0xff,
};
inline constexpr std::uint32_t kGScanBit = 0x1000;

struct GRecord {
  std::uint64_t address = 0;
  std::uint64_t goid = 0;
  std::uint64_t self = 0;  ///< sched.g: the address, once it was set up
  std::int64_t waitsince = 0;
  std::uint64_t pc = 0, sp = 0;
  std::uint64_t stack_lo = 0, stack_hi = 0;
  std::uint64_t waiting = 0, labels = 0, timer = 0;
  std::uint64_t parent_goid = 0;  ///< 0 = not known; kept from 1.21 on
  std::uint64_t gopc = 0, startpc = 0;
  std::int64_t sleep_when = 0;
  std::uint8_t status = kGUnknown;
  std::uint8_t tracking_seq = 0;
  std::uint8_t wait_reason = 0;
  bool fake_time = false;  ///< in a synctest bubble

  bool dead() const {
    return status == kGIdle || status == kGDead || status == kGDeadExtra;
  }
  bool parked() const {
    return status == kGWaiting || status == kGPreempted || status == kGLeaked;
  }
  /// Is the saved stack what the goroutine will go on with?
  bool has_stack() const {
    return parked() || status == kGRunnable || status == kGSyscall;
  }
  /// Did it not run between the two records?
  bool same_life_and_run(const GRecord& other) const {
    return goid == other.goid && tracking_seq == other.tracking_seq &&
           status == other.status;
  }
};

/// What tells whether a goroutine ran, without the rest of the record.
struct GKey {
  std::uint64_t goid = 0;
  std::int64_t waitsince = 0;
  std::uint8_t status = kGUnknown;
  std::uint8_t tracking_seq = 0;
};

inline std::uint8_t g_status(std::uint32_t raw) {
  const std::uint32_t status = raw & ~kGScanBit;
  return static_cast<std::uint8_t>(
      status > kGDeadExtra ? std::uint32_t{kGUnknown} : status);
}

inline GKey decode_g_key(std::span<const std::byte> bytes,
                         const GoLayout& layout) {
  const Record raw(bytes);
  return {.goid = raw.u64(layout.g.goid),
          .waitsince = raw.i64(layout.g.waitsince),
          .status = g_status(raw.u32(layout.g.atomicstatus)),
          .tracking_seq = raw.u8(layout.g.tracking_seq)};
}

GRecord decode_g(std::uint64_t address, std::span<const std::byte> bytes,
                 const GoLayout& layout);

/// Our word for a status.
TaskState g_task_state(std::uint8_t status);

}  // namespace taskleak
