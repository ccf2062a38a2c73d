// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The executable of a target, and where the process has it. Two kinds of
// address meet here and nowhere else: a linked one is what the file, its
// tables and its code name; a live one is where the process has it, what its
// memory holds and what its memory is read by. They differ by the bias of a
// position-independent executable.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/result.h"
#include "target/elf_file.h"
#include "target/relocations.h"

namespace taskleak {

class Image {
 public:
  /// `bias` = live - linked; 0 for a file that is looked at without a process.
  static Result<Image> of(ElfFile elf, std::uint64_t bias) {
    TRY(Relocations relocations, Relocations::read(elf));
    return Image(std::move(elf), std::move(relocations), bias);
  }

  const ElfFile& elf() const { return elf_; }
  std::uint64_t bias() const { return bias_; }
  Addr live(Addr linked) const { return linked + bias_; }
  Addr linked(Addr live) const { return live - bias_; }
  const Relocations& relocations() const { return relocations_; }
  /// The bytes at a linked address as the file has them, with the pointers
  /// that the loader puts there, as linked addresses.
  Result<std::vector<std::byte>> data(Addr linked, std::uint64_t size) const {
    TRY(const std::span<const std::byte> file, elf_.at(linked, size));
    std::vector<std::byte> bytes(file.begin(), file.end());
    relocations_.apply(linked, bytes);
    return bytes;
  }

 private:
  Image(ElfFile elf, Relocations relocations, std::uint64_t bias)
      : elf_(std::move(elf)),
        relocations_(std::move(relocations)),
        bias_(bias) {}

  ElfFile elf_;
  Relocations relocations_;
  std::uint64_t bias_;
};

}  // namespace taskleak
