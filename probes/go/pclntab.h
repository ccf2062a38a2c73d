// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Go's own line table (runtime/symtab.go, the two forms of Go 1.18 and 1.20
// on): which function, file and line a code address is, which calls were
// inlined there, and how far the stack pointer is from the frame's end. Read
// from the executable file, which cannot be torn; found through moduledata. The
// file may be hostile: every offset is checked, every loop counted.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "probes/go/image.h"
#include "probes/go/layout.h"

namespace taskleak {

/// One function of the table.
struct GoFunction {
  std::uint64_t entry = 0;
  std::uint32_t record = 0;  ///< of its _func, in pclntable
  std::uint8_t func_id = 0;
  std::uint8_t flags = 0;

  /// internal/abi/symtab.go: FuncFlagTopFrame, FuncFlagSPWrite (1.17 .. 1.27).
  bool top_frame() const { return (flags & 1) != 0; }
  bool writes_sp() const { return (flags & 2) != 0; }
};

/// A place in the source; views into the table.
struct GoPlace {
  std::string_view function;
  std::string_view file;
  std::uint32_t line = 0;
  bool wrapper = false;  ///< made by the compiler; no person wrote it
};

class Pclntab {
 public:
  /// Of a function's inlined calls, one within the other.
  static constexpr int kMaxInlineDepth = 64;
  /// Longest pc-value table that is walked, in steps.
  static constexpr int kMaxPcSteps = 1 << 20;
  static constexpr std::size_t kMaxNameBytes = 4096;

  /// The table of the module whose moduledata has the linked address
  /// `moduledata`. `image` must outlive it. Code addresses go in and come out
  /// as live ones. kCorrupt: it does not fit the file; kUnsupported: an unknown
  /// kind of table.
  static Result<Pclntab> open(const Image& image, const GoLayout& layout,
                              GoVersion version, Addr moduledata);

  /// How many functions it lists, and the one at a place of the list, which is
  /// in the order of their addresses.
  std::size_t count() const;
  std::optional<GoFunction> function(std::size_t index) const;
  /// Where the function behind the one at `index` begins: the end of its code,
  /// padding included.
  std::uint64_t end_of(std::size_t index) const;
  /// Made by the compiler: it shares its name with the function that it calls.
  bool is_wrapper(const GoFunction& function) const {
    return function.func_id == wrapper_id_;
  }

  /// The function that holds `pc`.
  std::optional<GoFunction> find(std::uint64_t pc) const;
  /// Bytes from the stack pointer to the return address at `pc`.
  std::optional<std::uint32_t> frame_bytes(const GoFunction& function,
                                           std::uint64_t pc) const;
  /// The places of `pc`, innermost inlined call first, the function last.
  std::vector<GoPlace> places(const GoFunction& function,
                              std::uint64_t pc) const;
  std::string_view name(const GoFunction& function) const;
  std::uint64_t text() const { return text_; }
  std::uint64_t etext() const { return etext_; }

 private:
  using Bytes = std::span<const std::byte>;
  struct InlinedCall {
    std::string_view function;
    std::uint64_t parent_pc = 0;
    bool wrapper = false;
  };
  /// The slices of moduledata: address and bytes of each.
  Status load(const Image& image, const GoLayout& layout, Bytes moduledata);
  std::optional<std::int32_t> pc_value(std::uint32_t table,
                                       const GoFunction& function,
                                       std::uint64_t pc) const;
  std::optional<std::uint32_t> pc_data(const GoFunction& function,
                                       std::uint32_t index) const;
  std::optional<InlinedCall> inlined_call(const GoFunction& function,
                                          std::uint64_t pc) const;
  std::string_view text_at(Bytes table, std::uint64_t offset) const;
  std::string_view file_at(const GoFunction& function, std::uint64_t pc) const;
  std::uint32_t field(const GoFunction& function, std::uint32_t offset) const;

  /// Where inlinedCall (runtime/symtabinl.go, before 1.20 symtab.go) has its
  /// fields, in bytes.
  struct InlinedLayout {
    std::uint32_t size, func_id, name, parent_pc;
  };

  const ElfFile* elf_ = nullptr;
  decltype(GoLayout::func) func_{};
  std::uint32_t magic_ = 0;
  InlinedLayout inlined_{};
  std::uint8_t wrapper_id_ = 0;
  std::uint64_t text_ = 0, etext_ = 0, gofunc_ = 0;
  Bytes names_, cutab_, files_, pctab_, pclntable_, ftab_;
};

}  // namespace taskleak
