// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// libFuzzer: any bytes as the section .go.buildinfo of a good file, which
// elf_fuzz seldom reaches, and what its version text parses to.
#include <cstddef>
#include <cstdint>
#include <string>

#include "probes/go/build_info.h"
#include "tests/unit/elf_builder.h"

using namespace taskleak;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  std::string section("\xff Go buildinf:", 14);
  section.append(reinterpret_cast<const char*>(data), size);
  const TestElf file =
      ElfBuilder().section(".go.buildinfo", section, Addr{0x500000}).build();
  const auto elf = file.open();
  if (!elf) return 0;
  if (const auto info = read_build_info(*elf)) {
    const auto version = GoVersion::parse(info->version);
    if (version) static_cast<void>(version->text());
  }
  return 0;
}
