// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The report of a Go binary. Each step that fails ends in `refused`, with all
// that was found before it in the report.
#include "probes/go/describe.h"

#include <fmt/format.h>

#include <utility>

#include "probes/go/checks.h"
#include "probes/go/go_program.h"
#include "probes/go/probes.h"

namespace taskleak {
namespace {

const char* yes_no(bool value) { return value ? "yes" : "no"; }

void add_file_facts(const ElfFile& elf, BinaryReport& report) {
  const auto fact = [&](const char* name, const char* value) {
    report.facts.emplace_back(name, value);
  };
  fact("position independent", yes_no(elf.position_independent()));
  fact("linked", elf.has_interpreter() ? "dynamically" : "statically");
  fact("section headers", yes_no(!elf.sections().empty()));
  fact("symbols", yes_no(elf.has_symtab()));
}

/// cgo leaves functions of its package; their names are never stripped.
bool has_cgo(const Pclntab& table) {
  for (std::size_t i = 0; i < table.count(); ++i) {
    const auto function = table.function(i);
    if (function && table.name(*function).starts_with("runtime/cgo."))
      return true;
  }
  return false;
}

void add_program(const GoProgram& program, BinaryReport& report) {
  const auto fact = [&](const char* name, std::string value) {
    report.facts.emplace_back(name, std::move(value));
  };
  fact("cgo", yes_no(has_cgo(*program.table)));
  fact("layout", program.layout.source);
  fact("functions", fmt::format("{} by {}", program.table->count(),
                                program.functions->source()));
  const GoModule& module = program.module;
  report.addresses = {{"pclntab", module.pclntab, module.pclntab_how, true},
                      {"runtime.firstmoduledata", module.moduledata,
                       module.moduledata_how, true}};
  for (const FoundGlobal& found : program.globals.found)
    report.addresses.push_back(
        {found.symbol, found.linked, found.how, found.needed});
  report.probes = plan_go_probes(
      program.image.elf(),
      [&](std::string_view name) { return program.functions->find(name); },
      program.version, program.layout);
}

Status fill(int exe_fd, ElfFile elf, const LiveProcess* live,
            BinaryReport& report) {
  std::uint64_t bias = 0;
  if (live != nullptr) {
    TRY(bias, live->process.load_bias(elf));
    report.facts.emplace_back("load bias", fmt::format("0x{:x}", bias));
  }
  TRY(const auto program, GoProgram::open(exe_fd, std::move(elf), bias));
  add_program(*program, report);
  const auto globals = live == nullptr
                           ? live_globals(program->image, program->globals,
                                          program->module.moduledata)
                           : check_process(*program, live->memory);
  if (!globals) return std::unexpected(globals.error());
  if (live != nullptr)
    report.facts.emplace_back("memory", "agrees with the file");
  return {};
}

}  // namespace

Result<BinaryReport> describe_go(int exe_fd, const LiveProcess* live) {
  TRY(ElfFile elf, ElfFile::open(exe_fd));
  TRY(const GoBuildInfo info, read_build_info(elf));
  BinaryReport report;
  report.runtime = "go";
  report.version = info.version;
  report.facts.emplace_back("main module", info.main_module);
  add_file_facts(elf, report);
  if (const Status filled = fill(exe_fd, std::move(elf), live, report); !filled)
    report.refused = filled.error().message();
  return report;
}

}  // namespace taskleak
