// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The collector owns the clock and every watched target. It runs epochs on
// time, lets the governor look in between, publishes the world, and ends on a
// signal or with its last target. One thread, one poll.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "daemon/interval.h"
#include "daemon/options.h"
#include "daemon/published.h"
#include "daemon/watch.h"
#include "daemon/world.h"

namespace taskleak {

class Collector {
 public:
  Collector(const Options& options,
            std::vector<std::unique_ptr<Watch>> watches);

  /// Until SIGTERM or SIGINT (returns), or until the last target has ended or
  /// executed something unreadable (kGone, kUnsupported, ...). Publishes each
  /// epoch to `world`.
  Status run(Published<World>& world);

  /// Epochs for options.for_ns (one when that is 0) of the only target, and
  /// its last report. A signal ends it early with what there is.
  Result<std::shared_ptr<const Report>> run_once();

 private:
  enum class Wake : std::uint8_t { kTimer, kSignal, kTargetEnded };
  Wake wait_until(std::int64_t due_ns);
  std::int64_t first_look_ns() const;
  void epoch();
  void drop(std::size_t index, const Error& error);
  void publish(Published<World>& world) const;
  std::int64_t cpu_used_ns() const;
  /// Share of one core since the last call; an epoch calls it when it begins,
  /// so that the share holds the epoch before and the pause after it.
  double overhead_ratio();
  /// From what the epoch that began at `begin_cpu_ns` has cost.
  void set_interval(std::int64_t begin_cpu_ns, double other_ratio);

  Options options_;
  std::vector<std::unique_ptr<Watch>> watches_;
  std::map<std::int32_t, std::string> down_;
  Error last_error_{Errc::kGone, "no target"};
  Fd signals_;
  Interval interval_;
  std::int64_t start_unix_ns_;
  std::int64_t last_epoch_ns_ = 0;
  std::int64_t cpu_ns_ = 0;
  std::int64_t cpu_at_ns_ = 0;
  std::int64_t epoch_end_cpu_ns_ = 0;
};

/// Blocks the signals that the collector waits for; call before any thread
/// starts, so that all inherit it.
void block_signals();

}  // namespace taskleak
