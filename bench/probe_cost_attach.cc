// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Plans our probes on a running Go program and holds one class of them attached
// until stdin ends; prints the plan, then what they were hit. Without a pid it
// only prints the plan, for any executable.
//
//   probe_cost_attach plan EXECUTABLE | lifecycle PID | wait PID
#include <fcntl.h>
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/fd.h"
#include "kernel/kernel.h"
#include "probes/go/build_info.h"
#include "probes/go/layout.h"
#include "probes/go/probes.h"

namespace {

using namespace taskleak;

Result<ProbePlan> plan_on(const Fd& exe) {
  TRY(const ElfFile elf, ElfFile::open(exe.get()));
  TRY(const GoBuildInfo info, read_build_info(elf));
  TRY(const GoVersion version, GoVersion::parse(info.version));
  TRY(const GoLayout layout, find_layout(exe.get(), version));
  ProbePlan plan =
      plan_go_probes(elf, functions_by_symbol(elf), version, layout);
  fmt::print("{}, layout from {}\n", info.version, layout.source);
  for (const PlannedProbe& probe : plan.probes)
    fmt::print("{} at file offset 0x{:x}: {}\n", probe.name, probe.file_offset,
               probe.instruction);
  for (const RefusedProbe& probe : plan.refused)
    fmt::print("{} refused: {}\n", probe.name, probe.why);
  return plan;
}

Status hold(pid_t pid, const Fd& exe, const ProbePlan& plan,
            ProbeClass probe_class) {
  TRY(Kernel kernel, Kernel::load(KernelLimits{}));
  TRY(const auto costs, kernel.calibrate());
  TRY(const TargetSlot slot, kernel.add_target({.pid = pid}, exe.get(), plan));
  TRY(kernel.attach(slot, probe_class));
  fmt::print("attached\n");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  TRY(const ProbeHits hits, kernel.hits(slot));
  for (std::size_t i = 0; i < hits.size(); ++i)
    fmt::print("program {}: {} hits, calibrated {:.0f} ns each\n", i, hits[i],
               costs[i]);
  return {};
}

Status run(const std::string& what, const std::string& whom) {
  const std::string path = what == "plan" ? whom : "/proc/" + whom + "/exe";
  const Fd exe(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!exe.valid()) return fail_os(path, errno);
  TRY(const ProbePlan plan, plan_on(exe));
  if (what == "plan") return {};
  return hold(std::atoi(whom.c_str()), exe, plan,
              what == "wait" ? ProbeClass::kWait : ProbeClass::kLifecycle);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr,
               "usage: probe_cost_attach plan EXECUTABLE | lifecycle PID | "
               "wait PID\n");
    return 2;
  }
  const Status status = run(argv[1], argv[2]);
  if (status) return 0;
  fmt::print(stderr, "probe_cost_attach: {}\n", status.error().message());
  return 1;
}
