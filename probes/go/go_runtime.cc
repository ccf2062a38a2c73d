// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Recognises Go in a process, says clearly what of it we cannot read, and puts
// the parts of the plug-in together.
#include "probes/go/go_runtime.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "probes/go/build_info.h"
#include "probes/go/census.h"
#include "probes/go/layout.h"
#include "probes/go/pclntab.h"
#include "probes/go/probes.h"
#include "probes/go/reasons.h"
#include "probes/go/version.h"
#include "target/elf_file.h"

namespace taskleak {
namespace {

constexpr int kOldestMinor = 18;
constexpr int kNewestMinor = 27;

/// What of the target stays the same for its whole life. Its parts point to
/// one another: never moved.
struct GoTarget {
  explicit GoTarget(ElfFile file) : elf(std::move(file)) {}
  ElfFile elf;
  std::string version_text;
  GoVersion version;
  GoLayout layout;
  GoGlobals globals;
  std::vector<WaitReason> reasons;
  std::unique_ptr<Symbols> symbols;
  bool has_plugins = false;
};

class GoRuntime final : public Runtime {
 public:
  GoRuntime(std::unique_ptr<GoTarget> target, const MemoryReader& memory,
            std::int64_t process_start_ns)
      : target_(std::move(target)),
        census_({.memory = memory,
                 .layout = target_->layout,
                 .symbols = *target_->symbols,
                 .globals = target_->globals,
                 .reasons = target_->reasons,
                 .version = target_->version,
                 .process_start_ns = process_start_ns}) {}

  std::string name() const override { return "go"; }
  std::string version() const override { return target_->version_text; }
  ProbePlan plan_probes() const override {
    return plan_go_probes(target_->elf, target_->version, target_->layout);
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

Status check_supported(const ElfFile& elf, const GoBuildInfo& info,
                       GoVersion version) {
  if (version.minor < kOldestMinor || version.minor > kNewestMinor)
    return fail(Errc::kUnsupported,
                fmt::format("{} is not supported: Go 1.{} to 1.{} are",
                            info.version, kOldestMinor, kNewestMinor));
  if (elf.position_independent())
    return fail(Errc::kUnsupported,
                fmt::format("a position-independent executable of {} is not "
                            "supported: build it without -buildmode=pie",
                            info.version));
  return {};
}

/// The file must be what the process runs: its moduledata says the same.
Status check_same_module(const GoTarget& target, const MemoryReader& memory) {
  const auto& at = target.layout.moduledata;
  std::vector<std::byte> live(at.size);
  TRY(memory.read(target.globals.moduledata, live));
  TRY(const std::span<const std::byte> file,
      target.elf.at(target.globals.moduledata, at.size));
  const Record in_memory(live);
  const Record in_file(file);
  for (const std::uint32_t field :
       {at.pc_header, at.text, at.etext, at.ftab, at.pclntable, at.gofunc})
    if (in_memory.u64(field) != in_file.u64(field))
      return fail(Errc::kCorrupt,
                  "the process and its executable file disagree on moduledata");
  return {};
}

}  // namespace

Result<std::unique_ptr<Runtime>> detect_go(const Process& process,
                                           const MemoryReader& memory) {
  TRY(ElfFile elf, ElfFile::open(process.exe_fd()));
  TRY(const GoBuildInfo info, read_build_info(elf));
  TRY(const GoVersion version, GoVersion::parse(info.version));
  TRY(check_supported(elf, info, version));
  auto target = std::make_unique<GoTarget>(std::move(elf));
  target->version_text = info.version;
  target->version = version;
  TRY(target->globals, find_globals(target->elf));
  TRY(target->layout, find_layout(process.exe_fd(), version));
  TRY(check_same_module(*target, memory));
  TRY(const Pclntab table, Pclntab::open(target->elf, target->layout, version,
                                         target->globals.moduledata));
  target->symbols = std::make_unique<Symbols>(table, info.main_module);
  TRY(target->reasons, read_wait_reasons(memory, target->globals.wait_reasons,
                                         target->globals.wait_reasons_bytes));
  TRY(const std::uint64_t next,
      memory.value<std::uint64_t>(target->globals.moduledata +
                                  target->layout.moduledata.next));
  target->has_plugins = next != 0;
  return std::make_unique<GoRuntime>(std::move(target), memory,
                                     process.start_monotonic_ns());
}

}  // namespace taskleak
