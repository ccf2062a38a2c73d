// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Five copies of one small function, four of them probed, called in turn round
// after round, so that a noisy moment falls on all alike. Each sees what Go's
// function would: g in AX and R14, the code address or the reason in CX. Parks
// and wakes alternate over many g's as in a busy program, so that the wake
// finds its park and fills a histogram.
#include "kernel/calibrate.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"

// void call_N(const FakeG* g, std::uint64_t cx), N = 0..4; place_N is probed.
asm(R"(
  .pushsection .text
  .irp n, 0, 1, 2, 3, 4
  .p2align 6
taskleak_call_\n:
  push %r14
  mov %rdi, %r14
  mov %rdi, %rax
  mov %rsi, %rcx
taskleak_place_\n:
  push %rbp
  pop %rbp
  pop %r14
  ret
  .globl taskleak_call_\n, taskleak_place_\n
  .endr
  .popsection
)");

namespace taskleak {
namespace {

/// A goroutine's struct as far as the programs look at it; as far apart as in
/// Go 1.26.
struct FakeG {
  std::uint64_t goid = 0;
  std::array<std::uint8_t, 31> between{};
  std::uint8_t tracking_seq = 0;
  std::array<std::uint64_t, 12> behind{};
  std::uint64_t gopc = 0;
};

using ProbedFunction = void (*)(const FakeG*, std::uint64_t);
extern "C" {
void taskleak_call_0(const FakeG*, std::uint64_t);
void taskleak_call_1(const FakeG*, std::uint64_t);
void taskleak_call_2(const FakeG*, std::uint64_t);
void taskleak_call_3(const FakeG*, std::uint64_t);
void taskleak_call_4(const FakeG*, std::uint64_t);
extern const std::uint8_t taskleak_place_0, taskleak_place_1, taskleak_place_2,
    taskleak_place_3;
}

constexpr std::size_t kBare = kProbePrograms;
/// By program; the last is the bare one.
constexpr std::array<ProbedFunction, kProbePrograms + 1> kFunctions = {
    taskleak_call_0, taskleak_call_1, taskleak_call_2, taskleak_call_3,
    taskleak_call_4};
constexpr int kRounds = 9;
constexpr std::size_t kCallsPerRound = 512;

/// Where in the file behind our own code lies what is mapped at `address`.
Result<std::uint64_t> own_file_offset(const std::uint8_t* address) {
  const auto wanted = reinterpret_cast<std::uint64_t>(address);
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint64_t offset = 0;
    if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64,
                    &begin, &end, &offset) == 3 &&
        wanted >= begin && wanted < end)
      return wanted - begin + offset;
  }
  return fail(Errc::kNotFound, "our own code is in no mapping", wanted);
}

Result<ProbePlan> plan_on_ourselves() {
  const std::array<const std::uint8_t*, kProbePrograms> places = {
      &taskleak_place_0, &taskleak_place_1, &taskleak_place_2,
      &taskleak_place_3};
  ProbePlan plan;
  for (int i = 0; i < kProbePrograms; ++i) {
    const auto program = static_cast<ProbeProgram>(i);
    const bool wait =
        program == ProbeProgram::kGoPark || program == ProbeProgram::kGoReady;
    const std::uint8_t* place = places[static_cast<std::size_t>(i)];
    TRY(const std::uint64_t offset, own_file_offset(place));
    plan.probes.push_back(
        {.name = "calibration",
         .symbol = "",
         .program = program,
         .probe_class = wait ? ProbeClass::kWait : ProbeClass::kLifecycle,
         .file_offset = offset,
         .bytes = {0x55},
         .instruction = "push rbp"});
  }
  plan.config = {.go_goid = offsetof(FakeG, goid),
                 .go_gopc = offsetof(FakeG, gopc),
                 .go_tracking_seq = offsetof(FakeG, tracking_seq)};
  return plan;
}

TargetPid ourselves() {
  struct stat space{};
  if (stat("/proc/self/ns/pid", &space) != 0) return {.pid = getpid()};
  return {.pid = getpid(),
          .inner_pid = getpid(),
          .namespace_device = space.st_dev,
          .namespace_inode = space.st_ino};
}

/// Nanoseconds a call of each function, over all of `gs` once.
std::array<double, kBare + 1> one_round(std::vector<FakeG>& gs) {
  std::array<double, kBare + 1> result{};
  for (std::size_t i = 0; i <= kBare; ++i) {
    const std::int64_t begin = monotonic_now_ns();
    for (const FakeG& g : gs) kFunctions[i](&g, g.gopc);
    result[i] = static_cast<double>(monotonic_now_ns() - begin) /
                static_cast<double>(gs.size());
    // what leaving the running state does between a park and its wake
    if (i == static_cast<std::size_t>(ProbeProgram::kGoPark))
      for (FakeG& g : gs) ++g.tracking_seq;
  }
  return result;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

std::array<double, kProbePrograms> measure() {
  std::vector<FakeG> gs(kCallsPerRound);
  for (std::size_t i = 0; i < gs.size(); ++i) {
    gs[i].goid = i + 1;
    gs[i].gopc = 0x1000 + i % 8;
  }
  std::array<std::vector<double>, kBare + 1> rounds;
  (void)one_round(gs);  // fills the maps and the caches
  for (int round = 0; round < kRounds; ++round) {
    const std::array<double, kBare + 1> costs = one_round(gs);
    for (std::size_t i = 0; i <= kBare; ++i) rounds[i].push_back(costs[i]);
  }
  const double bare = median(rounds[kBare]);
  std::array<double, kProbePrograms> result{};
  for (std::size_t i = 0; i < kBare; ++i)
    result[i] = std::max(0.0, median(rounds[i]) - bare);
  return result;
}

}  // namespace

Result<std::array<double, kProbePrograms>> calibrate_probes(Kernel& kernel) {
  TRY(const ProbePlan plan, plan_on_ourselves());
  const Fd self(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  if (!self.valid()) return fail_os("opening /proc/self/exe", errno);
  TRY(const TargetSlot slot, kernel.add_target(ourselves(), self.get(), plan));
  Status attached = kernel.attach(slot, ProbeClass::kLifecycle);
  if (attached) attached = kernel.attach(slot, ProbeClass::kWait);
  std::array<double, kProbePrograms> costs{};
  if (attached) costs = measure();
  kernel.remove_target(slot);
  if (!attached)
    return std::unexpected(
        std::move(attached).error().in("calibrating the probes"));
  return costs;
}

}  // namespace taskleak
