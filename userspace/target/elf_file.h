// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// An executable file as bytes, sections, segments and symbols. The file may be
// truncated or hostile: every offset of it is checked against its size before
// use, and what does not fit is kCorrupt.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/strong.h"

namespace taskleak {

struct ElfSection {
  std::string name;
  Addr address;  ///< as linked, 0 when not loaded
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  bool in_file = false;  ///< has bytes in the file (not NOBITS)
};

/// A segment that is loaded (PT_LOAD).
struct ElfSegment {
  Addr address;  ///< as linked
  std::uint64_t file_size = 0;
  std::uint64_t memory_size = 0;  ///< what the file does not hold is zero
  bool writable = false;
  bool executable = false;

  bool holds(Addr at) const {
    return at >= address && at.value - address.value < memory_size;
  }
};

struct ElfSymbol {
  std::string name;
  Addr address;  ///< as linked
  std::uint64_t size = 0;
  bool function = false;
};

/// A 64-bit little-endian x86-64 ELF file, mapped read-only for its lifetime.
class ElfFile {
 public:
  /// Maps the file behind `fd` (not consumed). kCorrupt: not an ELF file or
  /// its tables lie outside it; kUnsupported: another machine or class.
  static Result<ElfFile> open(int fd);
  ElfFile(ElfFile&&) noexcept;
  ElfFile& operator=(ElfFile&&) noexcept;
  ~ElfFile();

  /// ET_DYN: loaded anywhere, whatever it was linked at.
  bool position_independent() const;
  /// The linked address of the program headers, as AT_PHDR names them in the
  /// process; nothing when no segment holds them.
  std::optional<Addr> program_headers() const;
  /// It names a dynamic loader.
  bool has_interpreter() const;
  /// The linked entry point, AT_ENTRY in the process.
  Addr entry() const;
  /// In the order of the file, which is that of their addresses.
  std::span<const ElfSegment> segments() const;
  /// Linked address and size of the dynamic section; size 0 without one.
  std::pair<Addr, std::uint64_t> dynamic() const;
  /// Lower-case hex of the GNU build id, else Go's own build id as the text it
  /// is; empty without one.
  std::string build_id() const;
  std::span<const ElfSection> sections() const;
  const ElfSection* section(std::string_view name) const;
  /// The bytes of a section in the file; empty for NOBITS. kCorrupt when they
  /// lie outside of it.
  Result<std::span<const std::byte>> bytes(const ElfSection& section) const;
  /// The bytes at a linked address, `size` of them, when a PT_LOAD segment
  /// holds them in the file.
  Result<std::span<const std::byte>> at(Addr address, std::uint64_t size) const;
  /// File offset of a linked address, by PT_LOAD: what a uprobe wants.
  Result<std::uint64_t> file_offset(Addr address) const;
  /// From .symtab (or .dynsym): the symbol of this exact name.
  std::optional<ElfSymbol> symbol(std::string_view name) const;
  bool has_symtab() const;

 private:
  ElfFile();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Member offsets and sizes of structs, as DWARF tells them:
/// "runtime.g.goid" -> 152; "runtime.g._size" -> 456. Members that are structs
/// themselves are followed two levels down, their offsets count from the
/// outermost struct: "runtime.schedt.gFree.stack.size" -> 200.
using StructLayouts = std::map<std::string, std::uint64_t, std::less<>>;

/// The layouts of `structs` (full names, "runtime.g") from the DWARF of the
/// file behind `fd`. A struct that it does not describe is left out: a Go
/// linker drops the types that no function of the program uses. kNotFound: no
/// DWARF; kLimit: more of it than is looked at.
Result<StructLayouts> dwarf_layouts(int fd,
                                    std::span<const std::string_view> structs);

}  // namespace taskleak
