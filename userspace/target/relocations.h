// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// What the loader writes into a position-independent executable before it
// runs: in the file most pointers of its data are zero, their values stand in
// a table. Applied here as if it were loaded where it was linked, so that the
// pointers are linked addresses. Comes in: a file; leaves: its data with
// pointers in it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/strong.h"
#include "target/elf_file.h"

namespace taskleak {

class Relocations {
 public:
  /// One pointer: the word at linked address `at` becomes `value`.
  struct Pointer {
    Addr at;
    std::uint64_t value = 0;
  };
  /// Most relocations that are read; the largest programs have some million.
  static constexpr std::uint64_t kMaxEntries = 1 << 24;

  /// R_X86_64_RELATIVE of the table that the dynamic section names. Empty for
  /// a file without one. kCorrupt: the table lies outside of the file; kLimit:
  /// more than kMaxEntries.
  static Result<Relocations> read(const ElfFile& elf);

  /// By address.
  std::span<const Pointer> pointers() const { return pointers_; }
  /// Puts the pointers among `bytes`, which lie at linked address `at`.
  void apply(Addr at, std::span<std::byte> bytes) const;

 private:
  std::vector<Pointer> pointers_;
};

}  // namespace taskleak
