// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The runtime's global variables (global_finder.h finds them), and the totals
// that it keeps in them: how many goroutines were ever created, how many live.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "probes/go/layout.h"
#include "target/memory.h"

namespace taskleak {

/// More processors than a Go program can have (runtime: _MaxGomaxprocs is
/// unlimited since 1.10; this bounds what we believe).
inline constexpr std::uint64_t kMaxProcessors = 1 << 16;
/// More goroutines than this are not walked.
inline constexpr std::uint64_t kMaxGoroutines = 1 << 24;

/// Live addresses: where the process has them.
struct GoGlobals {
  /// allgptr is the list of all gs for readers without the lock: read allglen
  /// first (runtime/proc.go atomicAllG).
  Addr allgptr, allglen, allp, sched, memstats, moduledata, wait_reasons;
  std::uint64_t wait_reasons_bytes = 0;
  /// 0 where the binary does not tell.
  Addr allm = {}, mheap = {}, semtable = {}, allfin = {}, gc_cleanups = {};
};

/// The runtime's own totals at one moment.
struct GoCounters {
  std::uint64_t created = 0;
  /// What NumGoroutine would say, -1 when it cannot be computed.
  std::int64_t live = -1;
  /// Nothing moved while we read: `created` is exact.
  bool steady = false;
};

/// Reads them, again while they move, at most kCounterReads times. kCorrupt:
/// the layout does not fit.
Result<GoCounters> read_counters(const MemoryReader& memory,
                                 const GoLayout& layout,
                                 const GoGlobals& globals);
inline constexpr int kCounterReads = 4;

}  // namespace taskleak
