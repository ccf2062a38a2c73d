// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// libFuzzer: any bytes as the executable of a target. Everything that is asked
// of an ELF file before its process is looked at is asked here: tables,
// symbols, build id, Go's build information, its version, and DWARF (which
// libdw reads). It finds crashes and reads out of bounds, no wrong answers.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

#include "base/fd.h"
#include "probes/go/build_info.h"
#include "probes/go/layout.h"
#include "target/elf_file.h"

namespace {

using namespace taskleak;

void ask_elf(const ElfFile& elf) {
  elf.build_id();
  elf.symbol("runtime.allgs");
  for (const ElfSection& section : elf.sections()) {
    if (const auto bytes = elf.bytes(section); bytes && !bytes->empty()) {
      volatile auto last = bytes->back();
      static_cast<void>(last);
    }
    elf.file_offset(section.address);
  }
  const auto info = read_build_info(elf);
  if (info) GoVersion::parse(info->version);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes,
                                      std::size_t size) {
  const Fd file(memfd_create("elf", MFD_CLOEXEC));
  if (write(file.get(), bytes, size) != static_cast<ssize_t>(size)) return 0;
  const auto elf = ElfFile::open(file.get());
  if (!elf) return 0;
  ask_elf(*elf);
  layout_from_dwarf(file.get(), GoVersion{26, 8});
  return 0;
}
