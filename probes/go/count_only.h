// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The number of goroutines of a program whose tasks cannot be read, such as
// one of a Go that is newer than our table and has no debug information. The
// program's own code knows how to count: gcount of runtime/proc.go sums up a
// few words of memory. We run that function on our side (probes/interpreter.h)
// and believe nothing else. Go inlines gcount wherever it is called, so a
// function that returns nothing but its result has to be there; the one that
// nearly every service has is runtime/pprof's (net/http/pprof links it).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "probes/runtime.h"
#include "target/elf_file.h"
#include "target/memory.h"

namespace taskleak {

/// The oldest minor version whose functions return their result in AX and have
/// countGoroutine (src/cmd/compile/abi-internal.md).
inline constexpr int kOldestMinorCounted = 18;

class GoCount {
 public:
  /// Until two readings in a row agree, at most.
  static constexpr int kMaxReadings = 8;

  struct Reading {
    std::int64_t live = 0;     ///< what NumGoroutine would say
    std::uint64_t spread = 0;  ///< the readings' largest less smallest; 0 when
                               ///< two in a row agreed
  };

  /// Finds the function in the symbols of a program that lies `bias` bytes
  /// above where it was linked. kUnsupported: there is none.
  static Result<GoCount> find(const ElfFile& elf, std::uint64_t bias);

  /// Counts. kCorrupt: the process runs other code than the file has, or the
  /// result cannot be; the other errors are those of interpret().
  Result<Reading> read(const MemoryReader& memory) const;
  /// "runtime/pprof.countGoroutine".
  const std::string& function() const { return function_; }

 private:
  Result<std::int64_t> read_once(const MemoryReader& memory) const;

  std::string function_;
  Addr entry_, allglen_;  ///< where the process has them
  std::vector<std::byte> code_;
};

/// A runtime that gives nothing but the count. `why` says for what reason the
/// rest cannot be had; every census carries it as a note. kUnsupported: nor can
/// the count be had, the text says why; the others as GoCount::read.
Result<std::unique_ptr<Runtime>> count_go_only(const ElfFile& elf,
                                               std::uint64_t bias,
                                               const MemoryReader& memory,
                                               const std::string& why);

}  // namespace taskleak
