// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The runtime's wait reasons: its own words, read from the target
// (runtime.waitReasonStrings; the numbers change with the versions), and our
// kind of each.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/task.h"
#include "target/memory.h"

namespace taskleak {

/// More entries than any version has are not a table of reasons.
inline constexpr std::size_t kMaxWaitReasons = 256;
inline constexpr std::size_t kMaxReasonBytes = 128;

/// The table at `strings` (`bytes` long), by raw code. kCorrupt: these are not
/// the runtime's reasons.
Result<std::vector<WaitReason>> read_wait_reasons(const MemoryReader& memory,
                                                  Addr strings,
                                                  std::uint64_t bytes);

/// Our kind of the runtime's words.
WaitReason wait_reason_of(std::string_view text);

}  // namespace taskleak
