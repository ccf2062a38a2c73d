// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Time as integers: nanoseconds of CLOCK_MONOTONIC, which is also what Go's
// nanotime and bpf_ktime_get_ns count, so that the three compare directly.
// Wall time appears only where a person or a protocol asks for it.
#pragma once

#include <cstdint>
#include <string>

namespace taskleak {

inline constexpr std::int64_t kNsPerSecond = 1'000'000'000;
inline constexpr std::int64_t kNsPerMs = 1'000'000;

/// CLOCK_MONOTONIC now, in nanoseconds.
std::int64_t monotonic_now_ns();
/// CLOCK_REALTIME less CLOCK_MONOTONIC now: add it to a monotonic time to get
/// nanoseconds since the Unix epoch.
std::int64_t wall_offset_ns();
/// RFC 3339 with milliseconds, UTC: "2026-01-02T03:04:05.678Z".
std::string rfc3339(std::int64_t unix_ns);

}  // namespace taskleak
