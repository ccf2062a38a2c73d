// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// runtime.semtable: where the runtime keeps every sudog that waits for a
// semaphore, by the semaphore's address. Up to Go 1.25 nothing but this and the
// waiter's own frame leads to it, so the table serves where the frame does not.
// Comes in: the table's address. Goes out: a sudog for a g. The table moves
// while it is read: what it says is a hint, to be checked on the sudog.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "probes/go/layout.h"
#include "probes/go/piece_reader.h"

namespace taskleak {

class SemTable {
 public:
  /// runtime/sema.go, 1.18 .. 1.27: semTabSize roots, each padded to a cache
  /// line (internal/cpu CacheLinePadSize of x86-64).
  static constexpr std::size_t kRoots = 251;
  static constexpr std::size_t kRootBytes = 64;
  static constexpr std::size_t kTableBytes = kRoots * kRootBytes;
  /// Sudogs that are followed; what lies behind is left out and counted.
  static constexpr std::size_t kMaxSudogs = 1 << 20;
  /// Reads one behind the other: the depth of a treap and of a list of waiters
  /// for one semaphore.
  static constexpr int kMaxRounds = 1 << 16;
  /// How often one census reads the table: again when tasks have come to wait
  /// since it did.
  static constexpr int kMaxWalks = 4;

  /// `table` is the address of runtime.semtable, 0 when it is not known.
  SemTable(PieceReader& reader, const GoLayout& layout, Addr table)
      : reader_(reader), layout_(layout), table_(table) {}

  /// A new census: nothing that was read before is of use.
  void forget();
  /// The sudog with which the goroutine at `g` waits, 0 when the table has
  /// none. May be stale: believe it only when it names `g`, read again.
  Result<std::uint64_t> sudog_of(std::uint64_t g);
  /// Walks that were cut at a bound, since the start.
  std::uint64_t cut() const { return cut_; }

 private:
  /// A sudog to read, and the root that it must belong to.
  struct Step {
    std::uint64_t at = 0;
    std::uint32_t root = 0;
  };

  Status walk();
  /// Reads these sudogs and collects what they lead to.
  Status follow(const std::vector<Step>& steps, std::vector<Step>& next);

  PieceReader& reader_;
  const GoLayout& layout_;
  Addr table_;
  int walks_ = 0;  ///< of this census
  std::uint64_t cut_ = 0;
  std::unordered_map<std::uint64_t, std::uint64_t> sudogs_;  ///< by g
  std::unordered_map<std::uint64_t, bool> seen_;             ///< of this walk
};

}  // namespace taskleak
