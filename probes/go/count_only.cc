// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Finds a function that counts, runs it until it says the same twice, and
// makes a census of the result.
#include "probes/go/count_only.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "probes/go/build_info.h"
#include "probes/go/globals.h"
#include "probes/go/probes.h"
#include "probes/interpreter.h"

namespace taskleak {
namespace {

/// Functions that return gcount's result. gcount itself has had an argument
/// since 1.26, whether to count the runtime's own goroutines too: no. The
/// others have none, and do not look at AX.
constexpr const char* kCounting[] = {"runtime/pprof.countGoroutine",
                                     "runtime.NumGoroutine", "runtime.gcount"};

class GoCountRuntime final : public Runtime {
 public:
  GoCountRuntime(GoCount count, GoVersion version, std::string version_text,
                 const MemoryReader& memory, std::string why)
      : count_(std::move(count)),
        version_(version),
        version_text_(std::move(version_text)),
        memory_(memory),
        why_(std::move(why)) {}

  std::string name() const override { return "go"; }
  std::string version() const override { return version_text_; }
  ProbePlan plan_probes() const override {
    return refused_go_probes(version_, "tasks are only counted");
  }
  Status take_census(const CensusRequest& request,
                     const CensusSink& sink) override;

 private:
  GoCount count_;
  GoVersion version_;
  std::string version_text_;
  const MemoryReader& memory_;
  std::string why_;
};

Status GoCountRuntime::take_census(const CensusRequest& request,
                                   const CensusSink& sink) {
  Census census;
  census.begin_ns = monotonic_now_ns();
  TRY(const GoCount::Reading reading, count_.read(memory_));
  census.end_ns = monotonic_now_ns();
  census.full = census.count_only = true;
  census.totals.oracle_live = reading.live;
  census.totals.created_during_walk = reading.spread;
  for (const std::uint64_t pc : request.name_pcs)
    census.named_pcs.emplace_back(pc, FrameId::none());
  census.notes.push_back(
      fmt::format("tasks are only counted, by what {} of the program would "
                  "return: {}",
                  count_.function(), why_));
  return sink(std::move(census));
}

}  // namespace

Result<GoCount> GoCount::find(const ElfFile& elf, std::uint64_t bias) {
  const std::optional<ElfSymbol> allglen = elf.symbol("runtime.allglen");
  for (const char* name : kCounting) {
    const std::optional<ElfSymbol> symbol = elf.symbol(name);
    if (!symbol || !allglen) continue;
    GoCount count;
    count.function_ = name;
    count.entry_ = symbol->address + bias;
    count.allglen_ = allglen->address + bias;
    TRY(const std::span<const std::byte> code,
        elf.at(symbol->address, symbol->size));
    count.code_.assign(code.begin(), code.end());
    return count;
  }
  return fail(Errc::kUnsupported,
              "nor can its tasks be counted: the program has no symbol of a "
              "function that counts them, such as runtime/pprof has");
}

Result<std::int64_t> GoCount::read_once(const MemoryReader& memory) const {
  TRY(const std::uint64_t result,
      interpret(memory, {entry_, code_}, std::uint64_t{0}));
  // All that ever were, dead ones included.
  TRY(const std::uint64_t records, memory.value<std::uint64_t>(allglen_));
  const auto live = static_cast<std::int32_t>(result);
  if (live < 1 || static_cast<std::uint64_t>(live) > records ||
      records > kMaxGoroutines)
    return fail(Errc::kCorrupt,
                fmt::format("{} would return {}, of {} goroutine records",
                            function_, live, records));
  return live;
}

Result<GoCount::Reading> GoCount::read(const MemoryReader& memory) const {
  std::vector<std::byte> live(code_.size());
  TRY(memory.read(entry_, live));
  if (!std::ranges::equal(live, code_))
    return fail(Errc::kCorrupt,
                fmt::format("the process and its executable file disagree on "
                            "the code of {}",
                            function_));
  TRY(std::int64_t last, read_once(memory));
  std::int64_t least = last;
  std::int64_t most = last;
  for (int i = 1; i < kMaxReadings; ++i) {
    TRY(const std::int64_t next, read_once(memory));
    if (next == std::exchange(last, next)) return Reading{.live = next};
    least = std::min(least, next);
    most = std::max(most, next);
  }
  return Reading{.live = last,
                 .spread = static_cast<std::uint64_t>(most - least)};
}

Result<std::unique_ptr<Runtime>> count_go_only(const ElfFile& elf,
                                               std::uint64_t bias,
                                               const MemoryReader& memory,
                                               const std::string& why) {
  TRY(const GoBuildInfo info, read_build_info(elf));
  TRY(const GoVersion version, GoVersion::parse(info.version));
  if (version.minor < kOldestMinorCounted)
    return fail(Errc::kUnsupported, "too old to be counted");
  TRY(GoCount count, GoCount::find(elf, bias));
  TRY(count.read(memory));
  return std::make_unique<GoCountRuntime>(std::move(count), version,
                                          info.version, memory, why);
}

}  // namespace taskleak
