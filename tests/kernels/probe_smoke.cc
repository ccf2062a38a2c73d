// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// On the kernel it runs on: do the programs load, attach, count exactly, detach
// and leave nothing behind? Needs root. Prints a line for each claim and exits
// 1 when one does not hold; exits 0 on a kernel that cannot have probes when
// told to expect that.
//
//   probe-smoke TARGET [perf] [quick] [unsupported]
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "kernel/kernel.h"
#include "probes/go/probes.h"
#include "target/elf_file.h"
#include "tests/kernels/probe_target.h"

using namespace taskleak;

namespace {

int failures = 0;

void claim(bool holds, const std::string& text) {
  fmt::print("{} {}\n", holds ? "ok  " : "FAIL", text);
  std::fflush(stdout);
  if (!holds) ++failures;
}

[[noreturn]] void give_up(const std::string& text) {
  fmt::print("FAIL {}\n", text);
  std::exit(1);
}

template <class T>
T must(Result<T> result) {
  if (!result) give_up(result.error().message());
  return *std::move(result);
}

void must(const Status& status) {
  if (!status) give_up(status.error().message());
}

/// The pretended Go program, running.
class Target {
 public:
  explicit Target(const std::string& path) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    if (pipe2(in.data(), O_CLOEXEC) != 0 || pipe2(out.data(), O_CLOEXEC) != 0)
      give_up("pipe");
    pid_ = fork();
    if (pid_ == 0) {
      dup2(in[0], 0);
      dup2(out[1], 1);
      execl(path.c_str(), path.c_str(), nullptr);
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
    to_ = fdopen(in[1], "w");
    from_ = fdopen(out[0], "r");
    void* first = nullptr;
    if (std::fscanf(from_, " ready %p", &first) != 1) give_up("no target");
    first_g_ = reinterpret_cast<std::uint64_t>(first);
  }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;
  ~Target() {
    std::fclose(to_);
    int status = 0;
    waitpid(pid_, &status, 0);
    claim(WIFEXITED(status) && WEXITSTATUS(status) == 0,
          "the target ended unharmed");
    std::fclose(from_);
  }

  static constexpr int kUntilStopped = -1;  ///< by another start

  void start(int lives) {
    std::fprintf(to_, "%d\n", lives);
    std::fflush(to_);
  }
  /// Nanoseconds that its goroutines waited in all, by its own clock.
  std::uint64_t finish() {
    unsigned long long waited_ns = 0;
    if (std::fscanf(from_, " done %llu", &waited_ns) != 1)
      give_up("the target died");
    return waited_ns;
  }
  std::uint64_t run(int lives) {
    start(lives);
    return finish();
  }
  pid_t pid() const { return pid_; }
  std::uint64_t first_g() const { return first_g_; }

 private:
  pid_t pid_ = 0;
  std::FILE* to_ = nullptr;
  std::FILE* from_ = nullptr;
  std::uint64_t first_g_ = 0;
};

using Ids = std::set<std::uint32_t>;

Ids ids(bpf_cmd next) {
  Ids result;
  bpf_attr attributes{};
  while (syscall(SYS_bpf, next, &attributes, sizeof(attributes)) == 0) {
    result.insert(attributes.next_id);
    attributes.start_id = attributes.next_id;
  }
  return result;
}

/// All BPF programs, maps and links of this machine.
std::array<Ids, 3> inventory() {
  return {ids(BPF_PROG_GET_NEXT_ID), ids(BPF_MAP_GET_NEXT_ID),
          ids(BPF_LINK_GET_NEXT_ID)};
}

/// The kernel frees a little later than it says: within two seconds.
bool back_to(const std::array<Ids, 3>& before) {
  for (int i = 0; i < 40; ++i, usleep(50'000)) {
    const std::array<Ids, 3> now = inventory();
    if (std::ranges::equal(now, before, [](const Ids& a, const Ids& b) {
          return std::ranges::includes(b, a);
        }))
      return true;
  }
  return false;
}

struct Setup {
  std::string target_path;
  KernelLimits limits;
  int lives = 20'000;
  ProbePlan plan;
  Fd exe;
};

ProbePlan plan_for(const Fd& exe) {
  GoLayout layout{};
  layout.g.goid = TestG::kGoid;
  layout.g.gopc = TestG::kGopc;
  layout.g.tracking_seq = TestG::kTrackingSeq;
  const ElfFile elf = must(ElfFile::open(exe.get()));
  ProbePlan plan =
      plan_go_probes(elf, functions_by_symbol(elf), GoVersion{26, 0}, layout);
  for (const RefusedProbe& probe : plan.refused)
    give_up(probe.name + ": " + probe.why);
  return plan;
}

TargetSlot attach(Kernel& kernel, const Setup& setup, pid_t pid) {
  const TargetSlot slot =
      must(kernel.add_target({.pid = pid}, setup.exe.get(), setup.plan));
  must(kernel.attach(slot, ProbeClass::kLifecycle));
  must(kernel.attach(slot, ProbeClass::kWait));
  return slot;
}

void check_waits(const EventSummary& summary, std::uint64_t expected,
                 std::uint64_t waited_ns) {
  std::uint64_t count = 0;
  std::uint64_t in_buckets = 0;
  std::uint64_t sum_ns = 0;
  bool reasons = true;
  for (const EventWaits& waits : summary.waits) {
    count += waits.histogram.count;
    sum_ns += waits.histogram.sum_ns;
    for (const std::uint64_t bucket : waits.histogram.buckets)
      in_buckets += bucket;
    reasons = reasons && waits.raw_reason == kTestReason;
  }
  claim(count == expected && in_buckets == expected && reasons,
        fmt::format("{} of {} waits in the histograms, with their reason",
                    count, expected));
  claim(sum_ns <= waited_ns,
        fmt::format("they lasted {} us, within the {} us that the target saw",
                    sum_ns / 1000, waited_ns / 1000));
}

void check_counts(const EventSummary& summary, std::uint64_t expected) {
  claim(summary.created == expected && summary.ended == expected,
        fmt::format("{} created and {} ended of {}", summary.created,
                    summary.ended, expected));
  std::uint64_t created = 0;
  std::uint64_t ended = 0;
  for (const EventSite& site : summary.sites) {
    created += site.created;
    ended += site.ended;
  }
  claim(created == expected && ended == expected &&
            summary.sites.size() == kTestSites,
        fmt::format("{} and {} by {} sites", created, ended,
                    summary.sites.size()));
  for (const auto& [stage, lost] : summary.lost)
    if (lost != 0) claim(false, fmt::format("lost {}: {}", stage, lost));
}

void counts_exactly(const Setup& setup) {
  Kernel kernel = must(Kernel::load(setup.limits));
  fmt::print("     links are {}\n", kernel.attach_mechanism());
  Target target(setup.target_path);
  Target other(setup.target_path);
  const TargetSlot slot = attach(kernel, setup, target.pid());
  other.run(setup.lives / 10);
  const std::uint64_t waited_ns = target.run(setup.lives);
  const auto expected = static_cast<std::uint64_t>(setup.lives) * kTestThreads;
  EventSummary summary = must(kernel.summarize(slot));
  check_counts(summary, expected);
  check_waits(summary, expected, waited_ns);
  claim(!kernel.park(slot, target.first_g()), "no park left after the wake");

  kernel.detach(slot, ProbeClass::kWait, "test");
  kernel.detach(slot, ProbeClass::kLifecycle, "test");
  target.run(setup.lives / 10);
  claim(must(kernel.summarize(slot)).created == expected,
        "detached, nothing more is counted");
  must(kernel.attach(slot, ProbeClass::kLifecycle));
  target.run(10);
  summary = must(kernel.summarize(slot));
  claim(summary.created == 10 * kTestThreads &&
            summary.sites.size() == kTestSites,
        "attached again, counts start anew");
}

void counts_what_is_lost(const Setup& setup) {
  KernelLimits tiny = setup.limits;
  tiny.sites = 2;
  tiny.parks = 8;
  tiny.waits = 1;
  Kernel kernel = must(Kernel::load(tiny));
  Target target(setup.target_path);
  const TargetSlot slot = attach(kernel, setup, target.pid());
  constexpr int kLives = 1000;
  target.run(kLives);
  const EventSummary summary = must(kernel.summarize(slot));
  constexpr std::uint64_t kExpected = kLives * kTestThreads;
  std::uint64_t in_sites = 0;
  for (const EventSite& site : summary.sites)
    in_sites += site.created + site.ended;
  claim(summary.created == kExpected && summary.ended == kExpected,
        "with full maps the totals stay exact");
  claim(in_sites + summary.lost.at("site_map_full") == 2 * kExpected,
        fmt::format("{} lost by the site map, {} kept",
                    summary.lost.at("site_map_full"), in_sites));
  claim(summary.lost.at("park_map_full") > 0 &&
            summary.lost.at("wait_map_full") > 0,
        fmt::format("{} parks and {} waits lost, and counted",
                    summary.lost.at("park_map_full"),
                    summary.lost.at("wait_map_full")));
}

/// Within two seconds: on a busy machine the target has to get its turn first.
bool hit_soon(const Kernel& kernel, TargetSlot slot) {
  for (int i = 0; i < 2000; ++i, usleep(1000))
    if (must(kernel.hits(slot))[0] > 0) return true;
  return false;
}

void survives_attach_and_detach(const Setup& setup, int times) {
  Kernel kernel = must(Kernel::load(setup.limits));
  Target target(setup.target_path);
  target.start(Target::kUntilStopped);
  int hit = 0;
  for (int i = 0; i < times; ++i) {
    const TargetSlot slot = attach(kernel, setup, target.pid());
    hit += hit_soon(kernel, slot) ? 1 : 0;
    kernel.remove_target(slot);
  }
  target.start(0);
  target.finish();
  claim(hit == times,
        fmt::format("attached and detached {} times, {} of them hit", times,
                    hit));
}

void survives_kill(const Setup& setup, int times) {
  Target target(setup.target_path);
  target.start(Target::kUntilStopped);
  for (int i = 0; i < times; ++i) {
    std::array<int, 2> attached{};
    if (pipe2(attached.data(), O_CLOEXEC) != 0) give_up("pipe");
    const pid_t child = fork();
    if (child == 0) {
      Kernel kernel = must(Kernel::load(setup.limits));
      attach(kernel, setup, target.pid());
      if (write(attached[1], "x", 1) != 1) _exit(1);
      pause();
    }
    char byte = 0;
    if (read(attached[0], &byte, 1) != 1) give_up("the child did not attach");
    usleep(static_cast<useconds_t>(1000 * (i % 7)));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    close(attached[0]);
    close(attached[1]);
  }
  target.start(0);
  target.finish();
  claim(true, fmt::format("killed {} times while attached under load", times));
}

void calibrates(const Setup& setup) {
  Kernel kernel = must(Kernel::load(setup.limits));
  const std::int64_t begin = monotonic_now_ns();
  const auto costs = must(kernel.calibrate());
  const std::int64_t took_ns = monotonic_now_ns() - begin;
  claim(
      std::ranges::all_of(costs, [](double ns) { return ns > 0; }),
      fmt::format("a hit costs: create {:.0f} ns, end {:.0f}, park {:.0f}, "
                  "ready {:.0f} (measured in {} ms)",
                  costs[0], costs[1], costs[2], costs[3], took_ns / kNsPerMs));
}

int expect_unsupported(const Setup& setup) {
  const Result<Kernel> kernel = Kernel::load(setup.limits);
  claim(!kernel && kernel.error().code() == Errc::kUnsupported,
        kernel ? "it loads" : kernel.error().message());
  return failures == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto told = [&](const char* word) {
    return std::ranges::count(arguments, word) != 0;
  };
  if (arguments.empty()) give_up("usage: probe-smoke TARGET [perf] [quick]");
  Setup setup;
  setup.target_path = arguments[0];
  setup.limits.uprobe_multi = !told("perf");
  if (told("unsupported")) return expect_unsupported(setup);
  const int times = told("quick") ? 10 : 200;
  setup.exe = Fd(open(arguments[0].c_str(), O_RDONLY | O_CLOEXEC));
  if (!setup.exe.valid()) give_up("cannot open the target");
  setup.plan = plan_for(setup.exe);

  const std::array<Ids, 3> before = inventory();
  {
    const Kernel kernel = must(Kernel::load(setup.limits));
    const std::array<Ids, 3> loaded = inventory();
    claim(loaded[0].size() > before[0].size() &&
              loaded[1].size() > before[1].size(),
          "what is loaded shows in the machine's list (needs root)");
  }
  counts_exactly(setup);
  counts_what_is_lost(setup);
  calibrates(setup);
  survives_attach_and_detach(setup, times);
  survives_kill(setup, times / 4);
  claim(back_to(before), "no program, map or link is left");
  fmt::print("{}\n", failures == 0 ? "all hold" : "some do not hold");
  return failures == 0 ? 0 : 1;
}
