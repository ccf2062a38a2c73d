// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Plans on executables made by hand: one segment, one code section, and the
// symbols that a case asks for. Every function has the prologue of real Go.
#include "probes/go/probes.h"

#include <doctest/doctest.h>
#include <elf.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "base/fd.h"

using namespace taskleak;

namespace {

constexpr std::uint64_t kBase = 0x400000;
constexpr std::uint64_t kCodeOffset = 0x1000;

/// cmp rsp,[r14+0x10]; jbe; push rbp; pop rbp; ret; call morestack; jmp back
const std::string kGood(
    "\x49\x3b\x66\x10\x76\x03\x55\x5d\xc3\xe8\x00\x10\x00\x00\xeb\xf0", 16);
/// xor eax, eax; ret: nothing emulated before an argument is lost
const std::string kBad("\x31\xc0\xc3", 3);

struct Function {
  std::string symbol;
  std::string code;
};

template <class T>
void append(std::string& to, const T& value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

Elf64_Shdr section(std::uint32_t name, std::uint32_t type, std::uint64_t offset,
                   std::uint64_t size) {
  Elf64_Shdr result{};
  result.sh_name = name;
  result.sh_type = type;
  result.sh_offset = offset;
  result.sh_size = size;
  result.sh_addralign = 1;
  return result;
}

std::string executable(const std::vector<Function>& functions) {
  std::string text;
  std::string names(1, '\0');
  std::string symbols(sizeof(Elf64_Sym), '\0');
  for (const Function& function : functions) {
    Elf64_Sym symbol{};
    symbol.st_name = static_cast<std::uint32_t>(names.size());
    symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
    symbol.st_shndx = 1;
    symbol.st_value = kBase + kCodeOffset + text.size();
    symbol.st_size = function.code.size();
    append(symbols, symbol);
    names += function.symbol + '\0';
    text += function.code;
  }
  const std::string section_names("\0.text\0.symtab\0.strtab\0.shstrtab\0", 33);

  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_EXEC;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_ehsize = sizeof(Elf64_Ehdr);
  header.e_phoff = sizeof(Elf64_Ehdr);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 1;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 5;
  header.e_shstrndx = 4;
  const std::uint64_t symbols_at = kCodeOffset + text.size();
  const std::uint64_t names_at = symbols_at + symbols.size();
  const std::uint64_t section_names_at = names_at + names.size();
  header.e_shoff = section_names_at + section_names.size();

  Elf64_Phdr segment{};
  segment.p_type = PT_LOAD;
  segment.p_flags = PF_R | PF_X;
  segment.p_vaddr = kBase;
  segment.p_filesz = segment.p_memsz = kCodeOffset + text.size();
  segment.p_align = 0x1000;

  Elf64_Shdr code = section(1, SHT_PROGBITS, kCodeOffset, text.size());
  code.sh_flags = SHF_ALLOC | SHF_EXECINSTR;
  code.sh_addr = kBase + kCodeOffset;
  Elf64_Shdr table = section(7, SHT_SYMTAB, symbols_at, symbols.size());
  table.sh_link = 3;
  table.sh_info = 1;
  table.sh_entsize = sizeof(Elf64_Sym);

  std::string file;
  append(file, header);
  append(file, segment);
  file.resize(kCodeOffset);
  file += text + symbols + names + section_names;
  append(file, Elf64_Shdr{});
  append(file, code);
  append(file, table);
  append(file, section(15, SHT_STRTAB, names_at, names.size()));
  append(file, section(23, SHT_STRTAB, section_names_at, section_names.size()));
  return file;
}

GoLayout layout() {
  GoLayout result{};
  result.g.goid = 152;
  result.g.gopc = 288;
  result.g.tracking_seq = 191;
  return result;
}

ProbePlan plan(const std::vector<Function>& functions, int minor,
               const GoLayout& at = layout()) {
  const std::string file = executable(functions);
  const Fd fd(memfd_create("executable", MFD_CLOEXEC));
  REQUIRE(write(fd.get(), file.data(), file.size()) ==
          static_cast<ssize_t>(file.size()));
  const Result<ElfFile> elf = ElfFile::open(fd.get());
  REQUIRE(elf.has_value());
  return plan_go_probes(*elf, functions_by_symbol(*elf), GoVersion{minor, 0},
                        at);
}

std::vector<Function> runtime_functions() {
  return {{"runtime.newproc1", kGood},
          {"runtime.goexit0", kGood},
          {"runtime.gdestroy", kGood},
          {"runtime.gopark", kGood},
          {"runtime.ready", kGood}};
}

std::string why(const ProbePlan& made, const std::string& name) {
  const auto at = std::ranges::find(made.refused, name, &RefusedProbe::name);
  return at == made.refused.end() ? "not refused" : at->why;
}

std::vector<std::string> names(const ProbePlan& made) {
  std::vector<std::string> result;
  for (const PlannedProbe& probe : made.probes) result.push_back(probe.name);
  return result;
}

}  // namespace

TEST_CASE("four probes, each on the push behind its stack check") {
  const ProbePlan made = plan(runtime_functions(), 26);
  CHECK(made.refused.empty());
  REQUIRE(names(made) == std::vector<std::string>{"go.newproc1", "go.gdestroy",
                                                  "go.gopark", "go.ready"});
  CHECK(made.probes[0].file_offset == kCodeOffset + 6);
  CHECK(made.probes[2].file_offset == kCodeOffset + 3 * kGood.size() + 6);
  CHECK(made.probes[3].instruction == "push rbp");
  CHECK(made.config.go_gopc == 288);
}

TEST_CASE("a goroutine of 1.21 ends in goexit0, of 1.22 in gdestroy") {
  CHECK(names(plan(runtime_functions(), 21))[1] == "go.goexit0");
  CHECK(names(plan(runtime_functions(), 22))[1] == "go.gdestroy");
}

TEST_CASE("a class that lacks a probe goes as a whole, the other stays") {
  std::vector<Function> functions = runtime_functions();
  functions[2].code = kBad;
  const ProbePlan made = plan(functions, 26);
  CHECK(names(made) == std::vector<std::string>{"go.gopark", "go.ready"});
  CHECK(why(made, "go.gdestroy").find("xor eax, eax") != std::string::npos);
  CHECK(why(made, "go.newproc1") == "no use without go.gdestroy");
}

TEST_CASE("a function that is not there, a binary that has none at all") {
  std::vector<Function> functions = runtime_functions();
  functions.pop_back();
  CHECK(why(plan(functions, 26), "go.ready") ==
        "the binary has no function runtime.ready");
  CHECK(plan({}, 26).probes.empty());
}

TEST_CASE("without the offset of a field no probe is planned") {
  GoLayout at = layout();
  at.g.gopc = GoLayout::kAbsent;
  const ProbePlan made = plan(runtime_functions(), 26, at);
  CHECK(made.probes.empty());
  CHECK(why(made, "go.gopark") == "the offset of g.gopc is not known");
}
