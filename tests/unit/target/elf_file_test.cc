// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// ELF files: this test's own executable, small ones put together here, and
// both of them cut off and damaged. A damaged file may still open; whatever is
// asked of it then must stay inside of it (the sanitizers watch).
#include "target/elf_file.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include "tests/unit/elf_builder.h"

using namespace taskleak;
using namespace std::string_literals;

extern "C" [[gnu::noinline]] int taskleak_test_landmark(int x) {
  return x * 3 + 1;
}

namespace {

constexpr Addr kCodeAt{0x401000};

std::string note(const std::string& name, std::uint32_t type,
                 const std::string& desc) {
  const std::uint32_t words[3] = {static_cast<std::uint32_t>(name.size()),
                                  static_cast<std::uint32_t>(desc.size()),
                                  type};
  std::string text(reinterpret_cast<const char*>(words), sizeof(words));
  text += name;
  text.resize((text.size() + 3) / 4 * 4);
  return text + desc;
}

ElfBuilder sample() {
  return ElfBuilder()
      .section(".text", "0123456789abcdef", kCodeAt)
      .section(".note.gnu.build-id", note("GNU\0"s, 3, "\x01\xab\xff"))
      .section(".bss", "", Addr{0x500000}, SHT_NOBITS)
      .symbol("main.main", kCodeAt + 4, 8);
}

std::string self_bytes() {
  const Fd self(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  std::string bytes;
  std::string piece(1 << 20, '\0');
  for (ssize_t got; (got = read(self.get(), piece.data(), piece.size())) > 0;)
    bytes.append(piece, 0, static_cast<std::size_t>(got));
  return bytes;
}

/// Asks everything of a file; the answers do not matter.
void ask_all(const TestElf& elf) {
  const auto file = elf.open();
  if (!file) return;
  file->build_id();
  file->symbol("main.main");
  for (const ElfSection& section : file->sections()) {
    const auto bytes = file->bytes(section);
    if (bytes && !bytes->empty()) CHECK(bytes->size() <= elf.bytes().size());
    if (const auto at = file->at(section.address, 1)) CHECK(at->size() == 1);
    file->file_offset(section.address);
  }
}

}  // namespace

TEST_CASE("sections, symbols, bytes and offsets of a small file") {
  const TestElf elf = sample().build();
  const auto file = elf.open();
  REQUIRE(file);
  CHECK_FALSE(file->position_independent());
  CHECK(file->build_id() == "01abff");
  CHECK(file->has_symtab());
  const ElfSection* text = file->section(".text");
  REQUIRE(text != nullptr);
  CHECK(text->address == kCodeAt);
  CHECK(file->bytes(*text)->size() == 16);
  CHECK(file->bytes(*file->section(".bss"))->empty());
  CHECK(file->section(".data") == nullptr);
  const auto symbol = file->symbol("main.main");
  REQUIRE(symbol);
  CHECK(symbol->address == kCodeAt + 4);
  CHECK(symbol->size == 8);
  CHECK(symbol->function);
  CHECK_FALSE(file->symbol("main.mai"));
  const auto offset = file->file_offset(symbol->address);
  CHECK(elf.bytes().substr(offset.value(), 4) == "4567");
}

TEST_CASE("an address outside of every segment is not found") {
  const TestElf elf = sample().build();
  const auto file = elf.open();
  CHECK(file->at(kCodeAt, 16));
  CHECK(file->at(kCodeAt, 17).error().code() == Errc::kNotFound);
  CHECK(file->at(kCodeAt + 16, 1).error().code() == Errc::kNotFound);
  CHECK(file->at(kCodeAt - 1, 1).error().code() == Errc::kNotFound);
  CHECK(file->at(kCodeAt, ~0ULL).error().code() == Errc::kNotFound);
  CHECK(file->file_offset(Addr{~0ULL}).error().code() == Errc::kNotFound);
}

TEST_CASE("Go's own build id stands in for the GNU one") {
  const TestElf go =
      ElfBuilder()
          .section(".note.go.buildid", note("Go\0\0"s, 4, "ab-C/d_9"))
          .build();
  CHECK(go.open()->build_id() == "ab-C/d_9");
  const TestElf odd =
      ElfBuilder()
          .section(".note.go.buildid", note("Go\0\0"s, 4, "a\n\"b"))
          .build();
  CHECK(odd.open()->build_id().empty());
  CHECK(ElfBuilder().build().open()->build_id().empty());
}

TEST_CASE("what is not an x86-64 executable is refused") {
  CHECK(TestElf("").open().error().code() == Errc::kCorrupt);
  CHECK(TestElf("#!/bin/sh\necho not an ELF file\n").open().error().code() ==
        Errc::kCorrupt);
  CHECK(ElfBuilder().machine(EM_AARCH64).build().open().error().code() ==
        Errc::kUnsupported);
  CHECK(ElfBuilder().type(ET_CORE).build().open().error().code() ==
        Errc::kUnsupported);
  CHECK(ElfBuilder().type(ET_DYN).build().open()->position_independent());
  std::string narrow = ElfBuilder().build().bytes();
  narrow[EI_CLASS] = ELFCLASS32;
  CHECK(TestElf(narrow).open().error().code() == Errc::kUnsupported);
}

TEST_CASE("this program's own file says what its memory holds") {
  const Fd fd(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const auto file = ElfFile::open(fd.get());
  REQUIRE(file);
  const auto symbol = file->symbol("taskleak_test_landmark");
  REQUIRE(symbol);
  CHECK(symbol->function);
  const auto bytes = file->at(symbol->address, symbol->size);
  REQUIRE(bytes);
  CHECK(std::memcmp(bytes->data(),
                    reinterpret_cast<const void*>(&taskleak_test_landmark),
                    symbol->size) == 0);
}

TEST_CASE("a file cut off anywhere is an error or stays inside itself") {
  const std::string whole = sample().build().bytes();
  for (std::size_t size = 0; size < whole.size(); size++) {
    const TestElf cut(whole.substr(0, size));
    CHECK_FALSE(cut.open());  // its section headers stand at its end
    ask_all(cut);
  }
}

TEST_CASE("a file with any one byte wrong stays inside itself") {
  const std::string whole = sample().build().bytes();
  for (std::size_t at = 0; at < whole.size(); at++)
    for (const char wrong : {'\xff', '\x7f', '\0', '\1'}) {
      std::string damaged = whole;
      damaged[at] = wrong;
      ask_all(TestElf(damaged));
    }
}

TEST_CASE("this program's file, cut off and damaged, stays inside itself") {
  const std::string whole = self_bytes();
  REQUIRE(whole.size() > 4096);
  for (int part = 0; part < 16; part++)
    ask_all(TestElf(whole.substr(0, whole.size() * part / 16)));
  for (std::size_t at = 16; at < sizeof(Elf64_Ehdr); at += 3) {
    std::string damaged = whole;
    damaged[at] = '\xf1';
    ask_all(TestElf(damaged));
  }
}

TEST_CASE("debug information: none, and that of this program") {
  const std::string_view wanted[] = {"timespec", "no_such_struct"};
  CHECK(dwarf_layouts(sample().build().fd(), wanted).error().code() ==
        Errc::kNotFound);
  CHECK(dwarf_layouts(TestElf("no ELF").fd(), wanted).error().code() ==
        Errc::kNotFound);
  const Fd fd(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const auto found = dwarf_layouts(fd.get(), wanted);
  if (!found) return;  // built without
  CHECK(found->at("timespec._size") == 16);
  CHECK(found->at("timespec.tv_nsec") == 8);
  CHECK_FALSE(found->contains("no_such_struct._size"));
}
