// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Reads the two clocks of base/clock.h and writes one of them as text.
#include "base/clock.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

namespace taskleak {
namespace {

std::int64_t read_clock_ns(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

}  // namespace

std::int64_t monotonic_now_ns() { return read_clock_ns(CLOCK_MONOTONIC); }

std::int64_t wall_offset_ns() {
  return read_clock_ns(CLOCK_REALTIME) - read_clock_ns(CLOCK_MONOTONIC);
}

std::string rfc3339(std::int64_t unix_ns) {
  const std::time_t seconds = unix_ns / kNsPerSecond;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds),
                     unix_ns % kNsPerSecond / kNsPerMs);
}

}  // namespace taskleak
