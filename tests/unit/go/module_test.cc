// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Where the line table and moduledata are, in files that name them and in
// files that do not; and when it is better not to know.
#include "probes/go/module.h"

#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "tests/unit/elf_builder.h"

using namespace taskleak;

namespace {

constexpr Addr kText{0x401000}, kTable{0x500000}, kData{0x600000};
constexpr std::uint64_t kFunctions = 7, kModuleAt = 0x40;

GoLayout layout() { return layout_from_table({26, 8}).value(); }

std::string header(std::uint64_t functions = kFunctions) {
  std::string bytes("\xf1\xff\xff\xff\0\0\x01\x08", 8);
  bytes.append(reinterpret_cast<const char*>(&functions), 8);
  return bytes + std::string(64, '\0');
}

std::string module(Addr table = kTable, std::uint64_t functions = kFunctions) {
  const auto at = layout().moduledata;
  std::string bytes(at.size, '\0');
  const auto set = [&](std::uint32_t offset, std::uint64_t value) {
    std::memcpy(bytes.data() + offset, &value, 8);
  };
  set(at.pc_header, table.value);
  set(at.ftab + 8, functions + 1);
  set(at.text, kText.value);
  set(at.etext, kText.value + 0x100);
  return bytes;
}

std::string data(const std::string& modules) {
  return std::string(kModuleAt, 'x') + modules;
}

ElfBuilder file(const std::string& table_name, const std::string& tables,
                const std::string& modules) {
  return ElfBuilder()
      .section(".text", std::string(0x200, '\xcc'), kText, SHT_PROGBITS,
               PF_R | PF_X)
      .section(table_name, tables, kTable)
      .section(".data", data(modules), kData, SHT_PROGBITS, PF_R | PF_W);
}

Result<GoModule> find(ElfBuilder builder) {
  const TestElf bytes = builder.build();
  const Image image = Image::of(bytes.open().value(), 0).value();
  return find_module(image, layout());
}

}  // namespace

TEST_CASE("by the names of section and symbol where they are there") {
  const GoModule found =
      find(file(".gopclntab", header(), module())
               .symbol("runtime.firstmoduledata", kData + kModuleAt))
          .value();
  CHECK(found.pclntab == kTable);
  CHECK(found.moduledata == kData + kModuleAt);
  CHECK(found.pclntab_how == "section .gopclntab");
  CHECK(found.moduledata_how == "symbol runtime.firstmoduledata");
}

TEST_CASE("by magic number and pointer where they are not") {
  const std::string tables = std::string(0x88, 'y') + header();
  const GoModule found =
      find(file(".rodata", tables, module(kTable + 0x88))).value();
  CHECK(found.pclntab == kTable + 0x88);
  CHECK(found.moduledata == kData + kModuleAt);
}

TEST_CASE("a table that no moduledata points to is another program's") {
  // This one carries two programs' tables in its data; one is its own.
  const std::string tables = header(99) + header();
  const GoModule found =
      find(file(".rodata", tables, module(kTable + header().size()))).value();
  CHECK(found.pclntab == kTable + header().size());
}

TEST_CASE("a symbol that names no moduledata is not believed") {
  const auto found = find(file(".gopclntab", header(), module())
                              .symbol("runtime.firstmoduledata", kData));
  REQUIRE_FALSE(found);
  CHECK(found.error().code() == Errc::kCorrupt);
}

TEST_CASE("no table, no moduledata or two of them: refused, not guessed") {
  const auto refused = [](const Result<GoModule>& found) {
    return !found && found.error().code() == Errc::kUnsupported;
  };
  CHECK(refused(find(file(".rodata", "no table here", module()))));
  CHECK(refused(find(file(".gopclntab", header(), "nothing"))));
  CHECK(refused(find(file(".gopclntab", header(), module() + module()))));
  // It points there, and speaks of another number of functions.
  CHECK(refused(find(file(".gopclntab", header(), module(kTable, 6)))));
}
