// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// One step after the other, each standing on those before it.
#include "probes/go/go_program.h"

#include <fmt/format.h>

namespace taskleak {
namespace {

constexpr int kOldestMinor = 18;

Status check_supported(const GoBuildInfo& info, GoVersion version) {
  if (version.minor < kOldestMinor)
    return fail(Errc::kUnsupported,
                fmt::format("{} is not supported: Go 1.{} and newer are",
                            info.version, kOldestMinor));
  return {};
}

}  // namespace

Result<std::unique_ptr<GoProgram>> GoProgram::open(int exe_fd, ElfFile elf,
                                                   std::uint64_t bias) {
  TRY(GoBuildInfo info, read_build_info(elf));
  TRY(const GoVersion version, GoVersion::parse(info.version));
  TRY(check_supported(info, version));
  TRY(Image image, Image::of(std::move(elf), bias));
  auto program = std::make_unique<GoProgram>(std::move(image), std::move(info));
  program->version = version;
  TRY(program->layout, find_layout(exe_fd, version));
  TRY(program->module, find_module(program->image, program->layout));
  TRY(const Pclntab table, Pclntab::open(program->image, program->layout,
                                         version, program->module.moduledata));
  program->table = std::make_unique<Pclntab>(table);
  program->functions =
      std::make_unique<GoFunctions>(program->image, *program->table);
  program->globals = search_globals(program->image, *program->functions,
                                    program->layout, version);
  return program;
}

}  // namespace taskleak
