// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Reads DT_RELA. Packed relocations (DT_RELR) keep their value in the place
// itself, so that nothing is to be done for them.
#include "target/relocations.h"

#include <elf.h>

#include <algorithm>
#include <cstring>

namespace taskleak {
namespace {

using Bytes = std::span<const std::byte>;

template <class T>
T entry_of(Bytes table, std::uint64_t index) {
  T entry;
  std::memcpy(&entry, table.data() + index * sizeof(T), sizeof(T));
  return entry;
}

struct Table {
  Addr at;
  std::uint64_t bytes = 0;
};

/// Where the dynamic section says that the relocations are.
Result<Table> find_table(const ElfFile& elf) {
  const auto [at, size] = elf.dynamic();
  if (size == 0) return Table{};
  TRY(const Bytes entries, elf.at(at, size));
  Table table;
  for (std::uint64_t i = 0; i < size / sizeof(Elf64_Dyn); ++i) {
    const auto entry = entry_of<Elf64_Dyn>(entries, i);
    if (entry.d_tag == DT_NULL) break;
    if (entry.d_tag == DT_RELA) table.at = Addr{entry.d_un.d_ptr};
    if (entry.d_tag == DT_RELASZ) table.bytes = entry.d_un.d_val;
  }
  return table;
}

}  // namespace

Result<Relocations> Relocations::read(const ElfFile& elf) {
  Relocations result;
  TRY(const Table table, find_table(elf));
  if (table.bytes == 0) return result;
  const std::uint64_t count = table.bytes / sizeof(Elf64_Rela);
  if (count > kMaxEntries)
    return fail(Errc::kLimit, "more relocations than are looked at");
  TRY(const Bytes bytes, elf.at(table.at, table.bytes));
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto entry = entry_of<Elf64_Rela>(bytes, i);
    if (ELF64_R_TYPE(entry.r_info) == R_X86_64_RELATIVE)
      result.pointers_.push_back(
          {Addr{entry.r_offset}, static_cast<std::uint64_t>(entry.r_addend)});
  }
  std::ranges::stable_sort(result.pointers_, {}, &Pointer::at);
  return result;
}

void Relocations::apply(Addr at, std::span<std::byte> bytes) const {
  auto pointer = std::ranges::lower_bound(pointers_, at, {}, &Pointer::at);
  for (; pointer != pointers_.end(); ++pointer) {
    const std::uint64_t offset = pointer->at.value - at.value;
    if (offset > bytes.size() || bytes.size() - offset < sizeof(std::uint64_t))
      return;
    std::memcpy(bytes.data() + offset, &pointer->value, sizeof pointer->value);
  }
}

}  // namespace taskleak
