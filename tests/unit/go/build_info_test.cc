// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Build information in both its forms, good and damaged, inside small ELF
// files that the test puts together.
#include "probes/go/build_info.h"

#include <doctest/doctest.h>

#include "tests/unit/elf_builder.h"

using namespace taskleak;
using namespace std::string_literals;

namespace {

constexpr Addr kDataAt{0x400000};
const std::string kMarker(16, 'm');
const std::string kModules = kMarker + "path\texample.com/shop/cmd\n" +
                             "mod\texample.com/shop\tv1.2.3\th1:abc=\n" +
                             "dep\texample.com/dep\tv0.1.0\th1:x=\n" + kMarker;

std::string varint(std::uint64_t number) {
  std::string text;
  for (; number >= 0x80; number >>= 7) text += static_cast<char>(number | 0x80);
  return text + static_cast<char>(number);
}

std::string word(std::uint64_t number) {
  return {reinterpret_cast<const char*>(&number), sizeof(number)};
}

std::string header(char flags) {
  return "\xff Go buildinf:\x08"s + flags + std::string(16, '\0');
}

std::string inline_form(const std::string& version,
                        const std::string& modules) {
  return header(2) + varint(version.size()) + version + varint(modules.size()) +
         modules;
}

Result<GoBuildInfo> read(const std::string& section) {
  const TestElf file =
      ElfBuilder().section(".go.buildinfo", section, kDataAt).build();
  return read_build_info(file.open().value());
}

}  // namespace

TEST_CASE("the inline form tells version, path and module") {
  const auto info = read(inline_form("go1.26.8", kModules));
  REQUIRE(info);
  CHECK(info->version == "go1.26.8");
  CHECK(info->path == "example.com/shop/cmd");
  CHECK(info->main_module == "example.com/shop");
}

TEST_CASE("a header further back in its section is found") {
  const auto info =
      read(std::string(48, '\0') + inline_form("go1.21.0", kModules));
  REQUIRE(info);
  CHECK(info->version == "go1.21.0");
}

TEST_CASE("a program without modules has a version all the same") {
  const auto info = read(inline_form("go1.22.1", ""));
  REQUIRE(info);
  CHECK(info->version == "go1.22.1");
  CHECK(info->main_module.empty());
}

TEST_CASE("the pointer form is followed through the data segment") {
  const std::uint64_t base = kDataAt.value;
  std::string section = "\xff Go buildinf:\x08\0"s + word(base + 32) +
                        word(base + 48) + word(base + 64) + word(7) +
                        word(base + 71) + word(kModules.size()) + "go1.17."s +
                        kModules;
  const auto info = read(section);
  REQUIRE(info);
  CHECK(info->version == "go1.17.");
  CHECK(info->main_module == "example.com/shop");
}

TEST_CASE("pointers that lead nowhere are an error") {
  const auto info = read("\xff Go buildinf:\x08\0"s + word(0x1234) + word(0) +
                         std::string(32, '\0'));
  CHECK_FALSE(info);
}

TEST_CASE("lengths beyond the section are corrupt") {
  CHECK(read(header(2) + varint(200) + "go1.26.8").error().code() ==
        Errc::kCorrupt);
  CHECK(read(header(2) + varint(~0ULL) + "go1.26.8").error().code() ==
        Errc::kCorrupt);
  CHECK(read(header(2) + std::string(12, '\xff')).error().code() ==
        Errc::kCorrupt);
  CHECK(read(header(2)).error().code() == Errc::kCorrupt);
}

TEST_CASE("a section without its header is corrupt") {
  CHECK(read(std::string(64, 'x')).error().code() == Errc::kCorrupt);
  CHECK(read("").error().code() == Errc::kCorrupt);
}

TEST_CASE("information cut off anywhere never reads outside of it") {
  const std::string whole = inline_form("go1.26.8", kModules);
  for (std::size_t size = 0; size < whole.size(); size++)
    CHECK_FALSE(read(whole.substr(0, size)));
}

TEST_CASE("an ELF file without the section is not Go") {
  const TestElf file = ElfBuilder().build();
  CHECK(read_build_info(file.open().value()).error().code() == Errc::kNotFound);
}

namespace {

/// The file without its section headers, as some strippers leave it.
Result<GoBuildInfo> read_headless(const std::string& data,
                                  std::uint32_t flags) {
  std::string bytes = ElfBuilder()
                          .section(".any", data, kDataAt, SHT_PROGBITS, flags)
                          .build()
                          .bytes();
  bytes.replace(40, 8, std::string(8, '\0'));  // e_shoff
  bytes.replace(60, 4, std::string(4, '\0'));  // e_shnum, e_shstrndx
  return read_build_info(TestElf(bytes).open().value());
}

}  // namespace

TEST_CASE("without section headers it is in the data that is written") {
  const std::string data =
      std::string(64, 'x') + inline_form("go1.26.8", kModules);
  const auto found = read_headless(data, PF_R | PF_W);
  REQUIRE(found);
  CHECK(found->version == "go1.26.8");
  // In other data it is a constant of a program that reads build information.
  CHECK(read_headless(data, PF_R).error().code() == Errc::kNotFound);
}

TEST_CASE("an executable packed by UPX is told, and how to unpack it") {
  const auto packed = read_headless("....UPX!....", PF_R | PF_W);
  REQUIRE_FALSE(packed);
  CHECK(packed.error().code() == Errc::kUnsupported);
  CHECK(packed.error().message().find("upx -d") != std::string::npos);
}
