// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Pointers that the loader would write, read from tables made by hand.
#include "target/relocations.h"

#include <doctest/doctest.h>
#include <elf.h>

#include <array>

#include "tests/unit/elf_builder.h"

using namespace taskleak;

namespace {

template <class T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(T)};
}

std::string dynamic(std::uint64_t table, std::uint64_t bytes) {
  Elf64_Dyn rela{.d_tag = DT_RELA, .d_un = {.d_ptr = table}};
  Elf64_Dyn size{.d_tag = DT_RELASZ, .d_un = {.d_val = bytes}};
  return bytes_of(rela) + bytes_of(size) + bytes_of(Elf64_Dyn{});
}

std::string entry(std::uint64_t at, std::uint32_t type, std::int64_t value) {
  return bytes_of(Elf64_Rela{
      .r_offset = at, .r_info = ELF64_R_INFO(0, type), .r_addend = value});
}

constexpr Addr kTable{0x1000}, kDynamic{0x2000}, kData{0x3000};

TestElf file(const std::string& table, std::uint64_t bytes) {
  return ElfBuilder()
      .type(ET_DYN)
      .section(".rela.dyn", table, kTable)
      .section(".dynamic", dynamic(kTable.value, bytes), kDynamic, SHT_DYNAMIC)
      .section(".data", std::string(32, '\0'), kData)
      .build();
}

}  // namespace

TEST_CASE("a file without a dynamic section needs no pointers") {
  const TestElf plain = ElfBuilder().section(".data", "x", kData).build();
  CHECK(Relocations::read(plain.open().value()).value().pointers().empty());
}

TEST_CASE("relative pointers alone are taken, in the order of their places") {
  const std::string table = entry(0x3010, R_X86_64_RELATIVE, 0x77) +
                            entry(0x3018, R_X86_64_64, 5) +
                            entry(0x3008, R_X86_64_RELATIVE, 0x66);
  const TestElf elf = file(table, table.size());
  const Relocations found = Relocations::read(elf.open().value()).value();
  REQUIRE(found.pointers().size() == 2);
  CHECK(found.pointers()[0].at == Addr{0x3008});

  std::array<std::uint64_t, 4> words{1, 2, 3, 4};
  found.apply(kData, std::as_writable_bytes(std::span(words)));
  CHECK(words == std::array<std::uint64_t, 4>{1, 0x66, 0x77, 4});
  // A pointer that does not fit any more is left out.
  std::array<std::byte, 20> part{};
  found.apply(kData, part);
  CHECK(part[8] == std::byte{0x66});
  CHECK(part[16] == std::byte{0});
}

TEST_CASE("a table outside of the file or too long is refused") {
  const std::string table = entry(0x3008, R_X86_64_RELATIVE, 1);
  CHECK_FALSE(Relocations::read(file(table, 48).open().value()));
  const std::uint64_t huge = (Relocations::kMaxEntries + 1) * 24;
  const auto read = Relocations::read(file(table, huge).open().value());
  REQUIRE_FALSE(read);
  CHECK(read.error().code() == Errc::kLimit);
}
