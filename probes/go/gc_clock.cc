// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Matches a waitsince with the cycle whose mark termination it is.
#include "probes/go/gc_clock.h"

#include <algorithm>
#include <array>

#include "base/clock.h"

namespace taskleak {
namespace {

constexpr std::size_t kPauses = 256;  // runtime/mstats.go: pause_end

}  // namespace

void GcClock::set(std::vector<std::int64_t> ends, std::uint64_t first,
                  std::int64_t now_ns) {
  ends_ = std::move(ends);
  first_ = first;
  now_ns_ = now_ns;
}

Status GcClock::refresh(const MemoryReader& memory, const GoLayout& layout,
                        Addr memstats) {
  ends_.clear();
  const auto& at = layout.mstats;
  if (!GoLayout::has(at.pause_end) || !GoLayout::has(at.numgc)) return {};
  std::array<std::uint64_t, kPauses> pauses{};
  TRY(memory.read(memstats + at.pause_end,
                  std::as_writable_bytes(std::span(pauses))));
  TRY(const std::uint32_t cycles,
      memory.value<std::uint32_t>(memstats + at.numgc));
  const std::int64_t wall = wall_offset_ns();
  now_ns_ = monotonic_now_ns();
  const std::uint64_t count = std::min<std::uint64_t>(cycles, kPauses);
  first_ = cycles - count + 1;
  for (std::uint64_t cycle = first_; cycle <= cycles; ++cycle)
    ends_.push_back(static_cast<std::int64_t>(pauses[(cycle - 1) % kPauses]) -
                    wall);
  // One that is being written while we read is told by its disorder.
  if (!std::is_sorted(ends_.begin(), ends_.end())) ends_.clear();
  return {};
}

WaitBound GcClock::bound(std::int64_t waitsince) const {
  if (waitsince <= 0 || waitsince > now_ns_ || ends_.empty()) return {};
  const auto end =
      std::lower_bound(ends_.begin(), ends_.end(), waitsince - kSlackNs);
  const auto clamp = [this](std::int64_t ns) {
    return std::clamp(ns, process_start_ns_, now_ns_);
  };
  if (end == ends_.begin() && first_ > 1)  // older than what is kept
    return {clamp(waitsince - kCycleLimitNs), clamp(waitsince + kCycleLimitNs)};
  // The cycle whose end lies closest behind its own mark termination.
  auto best = ends_.end();
  for (auto it = end; it != ends_.end() && *it <= waitsince + kSlackNs; ++it)
    if (best == ends_.end() || *it >= waitsince) {
      best = it;
      if (*it >= waitsince) break;
    }
  if (best == ends_.end()) return {};
  const std::uint64_t cycle =
      first_ + static_cast<std::uint64_t>(best - ends_.begin());
  // Nothing marked the waits of the first cycle: such a one may be older.
  const std::int64_t earliest = cycle == 1 ? process_start_ns_
                                : best == ends_.begin()
                                    ? waitsince - kCycleLimitNs
                                    : *(best - 1) - kSlackNs;
  const std::int64_t latest =
      best + 1 == ends_.end() ? now_ns_ : *(best + 1) + kSlackNs;
  return {clamp(earliest), clamp(latest)};
}

}  // namespace taskleak
