// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// What the pretended Go program and the program that checks the probes on it
// agree on.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace taskleak {

inline constexpr int kTestThreads = 4;
inline constexpr int kTestGsPerThread = 64;
inline constexpr std::uint64_t kTestSites = 5;
inline constexpr std::uint64_t kTestFirstPc = 0x401000;
inline constexpr std::uint64_t kTestReason = 14;

/// A struct with a g's fields where Go 1.26 has them; the rest is zero, also
/// the stack guard at 16, so that the stack check always passes.
class TestG {
 public:
  static constexpr std::size_t kGoid = 152;
  static constexpr std::size_t kTrackingSeq = 191;
  static constexpr std::size_t kGopc = 288;

  TestG(std::uint64_t goid, std::uint64_t gopc) {
    std::memcpy(bytes_.data() + kGoid, &goid, sizeof(goid));
    std::memcpy(bytes_.data() + kGopc, &gopc, sizeof(gopc));
  }
  std::uint64_t gopc() const {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes_.data() + kGopc, sizeof(value));
    return value;
  }
  void leave_running() { ++bytes_[kTrackingSeq]; }

 private:
  std::array<std::uint8_t, 456> bytes_{};
};

}  // namespace taskleak
