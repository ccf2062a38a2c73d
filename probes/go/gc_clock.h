// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// When a wait began, as far as Go's collector noted it. The stack scan of
// cycle k+1 sets a waiting goroutine's waitsince, when it is 0, to the moment
// at which cycle k's mark termination began (runtime/mgcmark.go markroot,
// mgc.go work.tstart). So a wait with that mark began after the scan of cycle
// k and before the end of cycle k+1. The ends of the last 256 cycles stand in
// memstats.pause_end, in wall time.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "probes/go/layout.h"
#include "target/memory.h"

namespace taskleak {

/// A wait's start lies in [earliest, latest], CLOCK_MONOTONIC; 0, 0 = unknown.
struct WaitBound {
  std::int64_t earliest_ns = 0;
  std::int64_t latest_ns = 0;
};

class GcClock {
 public:
  /// The collector runs at least this often once it has run at all
  /// (runtime/proc.go forcegcperiod 120 s), and a cycle takes no longer than
  /// the rest of it.
  static constexpr std::int64_t kCycleLimitNs = 130'000'000'000;
  /// How far wall time and monotonic time may have drifted apart since a
  /// cycle ended, and how long its mark termination took at most.
  static constexpr std::int64_t kSlackNs = 50'000'000;

  /// `process_start_ns`: nothing in it began earlier.
  explicit GcClock(std::int64_t process_start_ns)
      : process_start_ns_(process_start_ns) {}

  /// Reads the cycles' ends anew.
  Status refresh(const MemoryReader& memory, const GoLayout& layout,
                 Addr memstats);
  /// For tests: what refresh() would have read. `ends` are monotonic, oldest
  /// first; `first` is the number of the first of them, from 1 on.
  void set(std::vector<std::int64_t> ends, std::uint64_t first,
           std::int64_t now_ns);
  /// What `waitsince` says of a wait's start.
  WaitBound bound(std::int64_t waitsince) const;

 private:
  std::int64_t process_start_ns_;
  std::int64_t now_ns_ = 0;
  std::uint64_t first_ = 1;
  std::vector<std::int64_t> ends_;
};

}  // namespace taskleak
