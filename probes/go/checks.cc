// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Self-checks at detection. Those of every walk stand where it reads: the
// goroutines name themselves (census.cc), so do the processors (globals.cc).
#include "probes/go/checks.h"

#include <algorithm>
#include <array>
#include <vector>

#include "probes/go/g_record.h"

namespace taskleak {
namespace {

/// The file must be what the process runs: its moduledata says the same.
Status check_same_module(const GoProgram& program, const MemoryReader& memory) {
  const Image& image = program.image;
  const std::uint32_t size = program.layout.moduledata.size;
  std::vector<std::byte> live(size);
  TRY(memory.read(image.live(program.module.moduledata), live));
  TRY(const std::vector<std::byte> file,
      image.data(program.module.moduledata, size));
  const Record in_memory(live);
  const Record in_file(file);
  for (const std::uint32_t field : module_pointers(program.layout))
    if (in_memory.addr(field) != image.live(in_file.addr(field)))
      return fail(Errc::kCorrupt,
                  "the process and its executable file disagree on moduledata");
  return {};
}

/// And its code is the same, at places all over it. A few may have probes in
/// them, of ours or of others.
Status check_same_code(const GoProgram& program, const MemoryReader& memory) {
  constexpr std::uint64_t kSamples = 64, kSampleBytes = 64, kProbed = 8;
  const Addr text{program.table->text()};
  const std::uint64_t size = program.table->etext() - text.value;
  if (size < kSamples * kSampleBytes) return {};
  std::uint64_t different = 0;
  for (std::uint64_t i = 0; i < kSamples; ++i) {
    const Addr at = text + (size - kSampleBytes) / (kSamples - 1) * i;
    std::array<std::byte, kSampleBytes> live{};
    TRY(memory.read(at, live));
    TRY(const std::span<const std::byte> file,
        program.image.elf().at(program.image.linked(at), kSampleBytes));
    different += std::ranges::equal(live, file) ? 0 : 1;
  }
  if (different > kProbed)
    return fail(Errc::kCorrupt,
                "the process and its executable file disagree on the code");
  return {};
}

std::unexpected<Error> misfit(const char* global, Addr at) {
  return fail(Errc::kCorrupt,
              std::string("what was found is not runtime.") + global, at.value);
}

/// Goroutines of the list name themselves; those that no goroutine uses now
/// need not.
Status check_list(const GoLayout& layout, const GoGlobals& globals,
                  const MemoryReader& memory) {
  constexpr std::uint64_t kLooked = 16;
  TRY(const std::uint64_t length, memory.value<std::uint64_t>(globals.allglen));
  TRY(const Addr list, memory.value<Addr>(globals.allgptr));
  if (length == 0 || length > kMaxGoroutines)
    return misfit("allglen", globals.allglen);
  std::vector<std::uint64_t> first(std::min(length, kLooked));
  if (!memory.read(list, std::as_writable_bytes(std::span(first))))
    return misfit("allgptr", globals.allgptr);
  std::vector<std::byte> bytes(layout.g.size);
  int strangers = 0;
  for (const std::uint64_t at : first) {
    if (!memory.read(Addr{at}, bytes)) return misfit("allgptr", list);
    const GRecord g = decode_g(at, bytes, layout);
    strangers += !g.dead() && g.self != g.address ? 1 : 0;
  }
  // One may be on its way to life.
  return strangers > 1 ? misfit("allgptr", list) : Status{};
}

/// The first M's g0 belongs to that M.
Status check_threads(const GoLayout& layout, const GoGlobals& globals,
                     const MemoryReader& memory) {
  if (!globals.allm) return {};
  TRY(const Addr m, memory.value<Addr>(globals.allm));
  const auto g0 = memory.value<Addr>(m + layout.m.g0);
  if (!g0) return misfit("allm", m);
  const auto back = memory.value<Addr>(*g0 + layout.g.m);
  return back && *back == m ? Status{} : misfit("allm", m);
}

}  // namespace

Result<GoGlobals> check_process(const GoProgram& program,
                                const MemoryReader& memory) {
  TRY(check_same_module(program, memory));
  TRY(check_same_code(program, memory));
  TRY(const GoGlobals globals,
      live_globals(program.image, program.globals, program.module.moduledata));
  TRY(check_list(program.layout, globals, memory));
  TRY(check_threads(program.layout, globals, memory));
  TRY(read_counters(memory, program.layout, globals));
  return globals;
}

}  // namespace taskleak
