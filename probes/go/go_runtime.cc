// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Recognises Go in a process, says clearly what of it we cannot read, and puts
// the parts of the plug-in together.
#include "probes/go/go_runtime.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "probes/go/census.h"
#include "probes/go/checks.h"
#include "probes/go/count_only.h"
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

/// What a version that nobody has tried may do to the answer; "" for others.
std::string version_note(const GoProgram& program) {
  if (newer_than_table(program.version))
    return fmt::format(
        "{} is newer than any Go that was tried, which is {}: the layout of "
        "its runtime is from its debug information",
        program.build.version, newest_in_table());
  if (program.version.modified)
    return fmt::format(
        "{} is no release of Go: the layout of its runtime is from its debug "
        "information",
        program.build.version);
  return "";
}

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
                 .search_frames = options.search_frames}),
        note_(version_note(*target_->program)) {}

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
  Status take_census(const CensusRequest& request,
                     const CensusSink& sink) override {
    return census_.take(request, [this, &sink](Census part) {
      if (part.last && !note_.empty()) part.notes.push_back(note_);
      if (part.last && target_->has_plugins)
        part.notes.push_back(
            "the program has loaded Go plugins: their functions have no names");
      return sink(std::move(part));
    });
  }

 private:
  std::unique_ptr<GoTarget> target_;
  GoCensus census_;
  std::string note_;
};

Result<std::unique_ptr<Runtime>> read_whole(const Process& process,
                                            const MemoryReader& memory,
                                            const GoOptions& options) {
  TRY(ElfFile elf, ElfFile::open(process.exe_fd()));
  auto bias = process.load_bias(elf);
  TRY(auto program,
      GoProgram::open(process.exe_fd(), std::move(elf), bias.value_or(0)));
  if (!bias) return std::unexpected(std::move(bias).error());
  auto target = std::make_unique<GoTarget>();
  TRY(target->globals, check_process(*program, memory));
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

}  // namespace

Result<std::unique_ptr<Runtime>> detect_go(const Process& process,
                                           const MemoryReader& memory) {
  return detect_go_with(process, memory, {});
}

Result<std::unique_ptr<Runtime>> detect_go_with(const Process& process,
                                                const MemoryReader& memory,
                                                const GoOptions& options) {
  auto whole = read_whole(process, memory, options);
  if (whole || whole.error().code() != Errc::kUnsupported) return whole;
  TRY(const ElfFile elf, ElfFile::open(process.exe_fd()));
  TRY(const std::uint64_t bias, process.load_bias(elf));
  auto counted = count_go_only(elf, bias, memory, whole.error().message());
  if (counted) return counted;
  return fail(counted.error().code(),
              fmt::format("{}; {}", whole.error().message(),
                          counted.error().message()));
}

}  // namespace taskleak
