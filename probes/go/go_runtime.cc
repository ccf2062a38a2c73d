// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Recognises Go in a process, says clearly what of it we cannot read, and puts
// the parts of the plug-in together.
#include "probes/go/go_runtime.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "probes/go/census.h"
#include "probes/go/go_program.h"
#include "probes/go/probes.h"
#include "probes/go/reasons.h"
#include "probes/go/self_checks.h"

namespace taskleak {
namespace {

/// What of the target stays the same for its whole life. Its parts point to
/// one another: never moved.
struct GoTarget {
  std::unique_ptr<GoProgram> program;
  GoGlobals globals;
  std::vector<WaitReason> reasons;
  std::unique_ptr<Symbols> symbols;
  bool has_plugins = false;
};

class GoRuntime final : public Runtime {
 public:
  GoRuntime(std::unique_ptr<GoTarget> target, const MemoryReader& memory,
            std::int64_t process_start_ns, const GoOptions& options)
      : target_(std::move(target)),
        census_({.memory = memory,
                 .layout = target_->program->layout,
                 .symbols = *target_->symbols,
                 .globals = target_->globals,
                 .reasons = target_->reasons,
                 .version = target_->program->version,
                 .process_start_ns = process_start_ns,
                 .search_frames = options.search_frames}) {}

  std::string name() const override { return "go"; }
  std::string version() const override {
    return target_->program->build.version;
  }
  ProbePlan plan_probes() const override {
    const GoProgram& program = *target_->program;
    return plan_go_probes(
        program.image.elf(),
        [&](std::string_view name) { return program.functions->find(name); },
        program.version, program.layout);
  }
  Result<Census> take_census(const CensusRequest& request) override {
    Result<Census> census = census_.take(request);
    if (census && census->full && target_->has_plugins)
      census->notes.push_back(
          "the program has loaded Go plugins: their functions have no names");
    return census;
  }

 private:
  std::unique_ptr<GoTarget> target_;
  GoCensus census_;
};

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

}  // namespace

Result<std::unique_ptr<Runtime>> detect_go(const Process& process,
                                           const MemoryReader& memory) {
  return detect_go_with(process, memory, {});
}

Result<std::unique_ptr<Runtime>> detect_go_with(const Process& process,
                                                const MemoryReader& memory,
                                                const GoOptions& options) {
  TRY(ElfFile elf, ElfFile::open(process.exe_fd()));
  auto bias = process.load_bias(elf);
  TRY(auto program,
      GoProgram::open(process.exe_fd(), std::move(elf), bias.value_or(0)));
  if (!bias) return std::unexpected(std::move(bias).error());
  TRY(check_same_module(*program, memory));
  TRY(check_same_code(*program, memory));
  auto target = std::make_unique<GoTarget>();
  TRY(target->globals, live_globals(program->image, program->globals,
                                    program->module.moduledata));
  TRY(target->reasons, read_wait_reasons(memory, target->globals.wait_reasons,
                                         target->globals.wait_reasons_bytes));
  TRY(check_version(program->version, target->reasons));
  TRY(const std::uint64_t next,
      memory.value<std::uint64_t>(target->globals.moduledata +
                                  program->layout.moduledata.next));
  target->has_plugins = next != 0;
  target->symbols =
      std::make_unique<Symbols>(*program->table, program->build.main_module);
  target->program = std::move(program);
  return std::make_unique<GoRuntime>(std::move(target), memory,
                                     process.start_monotonic_ns(), options);
}

}  // namespace taskleak
