// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// libFuzzer: a valid line table with some bytes changed. The input is a list
// of changes, three bytes each (where, and what to add there), so that what
// surrounds the damage still makes sense and the damage is reached: tables cut
// short, offsets out of range, pc-value tables without end, inline trees that
// lead back to themselves. Everything that a walk asks is asked.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "probes/go/pclntab.h"
#include "tests/unit/go/fake_code.h"

using namespace taskleak;

namespace {

constexpr GoVersion kVersions[] = {{19, 13}, {21, 13}, {26, 8}};

std::string damaged(const std::string& whole,
                    std::span<const std::uint8_t> changes) {
  std::string bytes = whole;
  for (; changes.size() >= 3; changes = changes.subspan(3)) {
    const std::size_t at = changes[0] | std::size_t{changes[1]} << 8;
    bytes[at % bytes.size()] = static_cast<char>(
        static_cast<std::uint8_t>(bytes[at % bytes.size()]) + changes[2]);
  }
  return bytes;
}

void ask(const Pclntab& table, std::uint64_t pc) {
  const auto function = table.find(pc);
  if (!function) return;
  table.name(*function);
  const auto bytes = table.frame_bytes(*function, pc);
  if (bytes && *bytes % 8 != 0) std::abort();
  const auto places = table.places(*function, pc);
  if (places.empty() || places.size() > Pclntab::kMaxInlineDepth) std::abort();
  for (const GoPlace& place : places)
    if (place.function.size() > Pclntab::kMaxNameBytes) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  if (size == 0) return 0;
  const GoVersion version = kVersions[data[0] % std::size(kVersions)];
  const GoLayout layout = layout_from_table(version).value();
  FakeCode code(layout);
  code.add({"runtime.gopark", 0x40});
  code.add({"main.outer", 0x28, 0, "main.inner"});
  const TestElf file(
      damaged(code.build().bytes(), std::span(data, size).subspan(1)));
  auto elf = file.open();
  if (!elf) return 0;
  const auto image = Image::of(*std::move(elf), 0);
  if (!image) return 0;
  const auto table =
      Pclntab::open(*image, layout, version, Addr{FakeCode::kModuledata});
  if (!table) return 0;
  for (std::uint64_t pc = FakeCode::kText - 1;
       pc < FakeCode::kText + 3 * FakeCode::kFunctionBytes; pc += 0x0f)
    ask(*table, pc);
  return 0;
}
