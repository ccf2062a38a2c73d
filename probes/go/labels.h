// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// pprof labels of goroutines (runtime/pprof labelMap behind g.labels): from Go
// 1.24 on a slice of key and value strings, before that a map[string]string.
// Children inherit the pointer, so one read serves many tasks. Bounded in
// number and length; what exceeds a bound is left out and counted.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "probes/go/piece_reader.h"
#include "probes/go/symbols.h"
#include "probes/go/walked_task.h"

namespace taskleak {

class LabelReader {
 public:
  static constexpr std::size_t kMaxLabels = 32;
  static constexpr std::size_t kMaxKeyBytes = 128;
  static constexpr std::size_t kMaxValueBytes = 512;
  /// A map with more than 2^this buckets is not one of labels.
  static constexpr int kMaxBucketBits = 6;

  LabelReader(const MemoryReader& memory, Symbols& symbols, int go_minor)
      : memory_(memory), symbols_(symbols), go_minor_(go_minor) {}

  /// Fills in the labels of all tasks that have some.
  Status resolve(std::span<WalkedTask> tasks);
  /// Label sets that were not read whole, since the start.
  std::uint64_t cut() const { return cut_; }

 private:
  Labels read(std::uint64_t address);
  Labels read_slice(std::uint64_t address);
  Labels read_map(std::uint64_t address);
  /// Both strings of a label, or false.
  bool add(std::uint64_t key, std::uint64_t key_bytes, std::uint64_t value,
           std::uint64_t value_bytes, Labels& into);

  const MemoryReader& memory_;
  Symbols& symbols_;
  int go_minor_;
  std::uint64_t cut_ = 0;
};

}  // namespace taskleak
