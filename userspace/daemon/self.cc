// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Reads clocks, /proc/self and limits. See daemon/self.h.
#include "daemon/self.h"

#include <linux/capability.h>
#include <sys/resource.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <vector>

#include "base/clock.h"
#include "base/privilege.h"

namespace taskleak {
namespace {

std::int64_t clock_ns(clockid_t id) {
  timespec now{};
  if (clock_gettime(id, &now) != 0) return 0;
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

std::uint64_t count_open_fds() {
  std::error_code error;
  std::uint64_t count = 0;
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end;
       !error && it != end; it.increment(error))
    ++count;
  return count;
}

}  // namespace

std::int64_t cpu_time_with_children_ns(std::span<const pid_t> children) {
  std::int64_t total_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  for (const pid_t child : children) {
    clockid_t id{};
    if (child > 0 && clock_getcpuclockid(child, &id) == 0)
      total_ns += clock_ns(id);
  }
  return total_ns;
}

ProcessFacts process_facts() {
  ProcessFacts facts;
  facts.cpu_seconds = static_cast<double>(clock_ns(CLOCK_PROCESS_CPUTIME_ID)) /
                      static_cast<double>(kNsPerSecond);
  std::uint64_t virtual_pages = 0;
  std::uint64_t resident_pages = 0;
  if (std::ifstream statm("/proc/self/statm");
      statm >> virtual_pages >> resident_pages) {
    const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    facts.virtual_bytes = virtual_pages * page;
    facts.resident_bytes = resident_pages * page;
  }
  facts.open_fds = count_open_fds();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) facts.max_fds = limit.rlim_cur;
  return facts;
}

Status drop_capabilities(const Kernel* kernel) {
  std::vector<int> kept = {CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH};
  if (kernel != nullptr) {
    kept.insert(kept.end(), {CAP_BPF, CAP_PERFMON});
    if (kernel->attach_mechanism() == "perf_event")
      kept.push_back(CAP_SYS_ADMIN);
  }
  return keep_only_capabilities(kept);
}

}  // namespace taskleak
