// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The functions, checked in the machine code of Go 1.18 to 1.27: every
// goroutine is made by newproc1 (callerpc in CX becomes g.gopc) and ends in
// gdestroy(gp), which up to 1.21 is inside goexit0(gp); both leave gopc as it
// was. gopark(unlockf, lock, reason, ...) runs on the goroutine that parks
// (R14); ready(gp, ...) on whoever wakes it. Wakes by the network poller go
// through injectglist instead.
#include "probes/go/probes.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "probes/instruction.h"

namespace taskleak {
namespace {

struct Wanted {
  const char* name;
  const char* symbol;
  ProbeProgram program;
  ProbeClass probe_class;
  unsigned reads;  ///< the registers that the program looks at
};

/// The first version whose goroutines end in gdestroy.
constexpr int kFirstMinorWithGdestroy = 22;

std::vector<Wanted> wanted(GoVersion version) {
  const Wanted end =
      version.minor >= kFirstMinorWithGdestroy
          ? Wanted{"go.gdestroy", "runtime.gdestroy", ProbeProgram::kGoEnd,
                   ProbeClass::kLifecycle, kProbeAx}
          : Wanted{"go.goexit0", "runtime.goexit0", ProbeProgram::kGoEnd,
                   ProbeClass::kLifecycle, kProbeAx};
  return {{"go.newproc1", "runtime.newproc1", ProbeProgram::kGoCreate,
           ProbeClass::kLifecycle, kProbeCx},
          end,
          {"go.gopark", "runtime.gopark", ProbeProgram::kGoPark,
           ProbeClass::kWait, kProbeCx | kProbeR14},
          {"go.ready", "runtime.ready", ProbeProgram::kGoReady,
           ProbeClass::kWait, kProbeAx}};
}

Result<PlannedProbe> plan_one(const ElfFile& elf, const FindFunction& find,
                              const Wanted& want) {
  const std::optional<FunctionCode> function = find(want.symbol);
  if (!function)
    return fail(Errc::kNotFound,
                fmt::format("the binary has no function {}", want.symbol));
  if (function->size > kMaxFunctionBytes)
    return fail(Errc::kLimit, fmt::format("{} is longer than {} bytes",
                                          want.symbol, kMaxFunctionBytes));
  TRY(const std::span<const std::byte> code,
      elf.at(function->entry, function->size));
  TRY(const ProbePlace place,
      find_probe_place(code, function->entry, want.reads));
  TRY(const std::uint64_t offset,
      elf.file_offset(function->entry + place.offset));
  return PlannedProbe{.name = want.name,
                      .symbol = want.symbol,
                      .program = want.program,
                      .probe_class = want.probe_class,
                      .file_offset = offset,
                      .bytes = place.bytes,
                      .instruction = place.instruction};
}

Result<std::uint16_t> field(std::uint32_t offset, const char* name) {
  if (!GoLayout::has(offset) ||
      offset > std::numeric_limits<std::uint16_t>::max())
    return fail(Errc::kUnsupported,
                fmt::format("the offset of g.{} is not known", name));
  return static_cast<std::uint16_t>(offset);
}

Result<ProbeConfig> config_of(const GoLayout& layout) {
  ProbeConfig config;
  TRY(config.go_goid, field(layout.g.goid, "goid"));
  TRY(config.go_gopc, field(layout.g.gopc, "gopc"));
  TRY(config.go_tracking_seq, field(layout.g.tracking_seq, "trackingSeq"));
  return config;
}

}  // namespace

FindFunction functions_by_symbol(const ElfFile& elf) {
  return [&elf](std::string_view name) -> std::optional<FunctionCode> {
    const std::optional<ElfSymbol> symbol = elf.symbol(name);
    if (!symbol) return std::nullopt;
    return FunctionCode{symbol->address, symbol->size};
  };
}

ProbePlan refused_go_probes(GoVersion version, const std::string& why) {
  ProbePlan plan;
  for (const Wanted& want : wanted(version))
    plan.refused.push_back({want.name, want.probe_class, why});
  return plan;
}

ProbePlan plan_go_probes(const ElfFile& elf, const FindFunction& find,
                         GoVersion version, const GoLayout& layout) {
  ProbePlan plan;
  const Result<ProbeConfig> config = config_of(layout);
  for (const Wanted& want : wanted(version)) {
    Result<PlannedProbe> probe =
        config ? plan_one(elf, find, want) : std::unexpected(config.error());
    if (probe)
      plan.probes.push_back(*std::move(probe));
    else
      plan.refused.push_back(
          {want.name, want.probe_class, probe.error().message()});
  }
  if (config) plan.config = *config;
  drop_incomplete_classes(plan);
  return plan;
}

}  // namespace taskleak
