// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Opening a process and telling for sure that it is still the same one. Two
// kernel handles make that exact: the pidfd belongs to one process for ever,
// and an open /proc/PID/mem belongs to one address space for ever, so that it
// reads nothing more once the process has executed another program.
#include "target/process.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "base/clock.h"
#include "target/memory.h"
#include "target/proc_text.h"

namespace taskleak {
namespace {

/// Bit of the flags field of /proc/PID/stat (PF_KTHREAD of linux/sched.h).
constexpr std::uint64_t kKernelThreadFlag = 0x00200000;
/// /proc/PID/auxv has some 20 pairs of words; more than this is not looked at.
constexpr std::size_t kMaxAuxvBytes = 4096;

std::uint64_t mix(std::uint64_t hash, std::uint64_t word) {
  constexpr std::uint64_t kFnvPrime = 0x100000001b3;
  for (int i = 0; i < 8; i++) {
    hash = (hash ^ (word & 0xff)) * kFnvPrime;
    word >>= 8;
  }
  return hash;
}

std::unexpected<Error> gone(pid_t pid) {
  return fail(Errc::kGone, fmt::format("process {} has ended", pid));
}

/// A failed open or read below /proc/PID, in words that help.
std::unexpected<Error> failed(pid_t pid, Error error) {
  switch (error.code()) {
    case Errc::kNotFound:
    case Errc::kGone: return gone(pid);
    case Errc::kDenied: return fail(Errc::kDenied, ptrace_denied_text(pid));
    default: return std::unexpected(std::move(error));
  }
}

bool ended(int pidfd) {
  pollfd waiting{pidfd, POLLIN, 0};
  return poll(&waiting, 1, 0) == 1;
}

std::int64_t now_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

/// Nanoseconds that the process has lived: its start counts in ticks of
/// CLOCK_BOOTTIME, which goes on while the machine sleeps.
std::int64_t age_ns(std::uint64_t start_ticks) {
  const std::int64_t ns_per_tick = kNsPerSecond / sysconf(_SC_CLK_TCK);
  return now_ns(CLOCK_BOOTTIME) -
         static_cast<std::int64_t>(start_ticks) * ns_per_tick;
}

/// Refuses what cannot be a target: a zombie, a kernel thread.
Status check_kind(pid_t pid, const ProcStat& stat, int pidfd) {
  if ((stat.flags & kKernelThreadFlag) != 0)
    return fail(Errc::kUnsupported,
                fmt::format("{} is a kernel thread, which has no tasks of a "
                            "program to show",
                            pid));
  if (stat.state != 'Z' && stat.state != 'X') return {};
  if (ended(pidfd)) return gone(pid);
  return fail(Errc::kUnsupported,
              fmt::format("the first thread of process {} has ended while "
                          "others run on: its memory cannot be reached by pid",
                          pid));
}

}  // namespace

Result<Process> Process::open(pid_t pid, const ProcFs& procfs) {
  Process process;
  process.identity_.pid = pid;
  process.procfs_ = procfs;
  TRY(OpenedPid opened, open_pid(procfs, pid));
  process.namespaced_pid_ = opened.pid;
  process.pidfd_ = std::move(opened.pidfd);
  auto stat = read_proc_stat(procfs, pid);
  // A live process without an entry in /proc is one that hidepid hides.
  if (!stat && !ended(process.pidfd()))
    return fail(Errc::kDenied, ptrace_denied_text(pid));
  if (!stat) return failed(pid, std::move(stat).error());
  TRY(check_kind(pid, *stat, process.pidfd()));
  TRY(process.exe_, process.open_file("exe"));
  TRY(process.memory_, process.open_file("mem"));
  TRY(process.identity_.image_mark, process.image_mark_now(process.exe_fd()));
  TRY(process.exe_path_, process.find_exe_path());
  process.identity_.start_ticks = stat->start_ticks;
  process.code_ = stat->code_begin;
  const std::int64_t age = age_ns(stat->start_ticks);
  process.start_monotonic_ns_ = now_ns(CLOCK_MONOTONIC) - age;
  process.start_unix_ns_ = now_ns(CLOCK_REALTIME) - age;
  // The pieces above are of one process and one program only if neither has
  // changed meanwhile.
  TRY(process.still_same());
  return process;
}

Status Process::still_same() const {
  if (ended(pidfd())) return gone(pid());
  char byte = 0;
  const ssize_t got =
      pread(memory_.get(), &byte, 1, static_cast<off_t>(code_.value));
  // 0: the address space is no more. An error says only that this byte cannot
  // be read now.
  if (got != 0) {
    const auto exe = open_file("exe");
    const auto mark = exe ? image_mark_now(exe->get())
                          : Result<std::uint64_t>(std::unexpected(exe.error()));
    if (mark && *mark == identity_.image_mark) return {};
    // Rights that were dropped since do not unsay what the handle says.
    if (!mark && mark.error().code() == Errc::kDenied) return {};
    if (!mark && mark.error().code() != Errc::kGone)
      return std::unexpected(mark.error());
  }
  if (ended(pidfd())) return gone(pid());
  return fail(Errc::kNotFound,
              fmt::format("process {} has executed another program", pid()));
}

Result<Fd> Process::open_file(const char* name) const {
  const std::string path = procfs_.path(pid(), name);
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.valid()) return file;
  auto failure = fail_os("opening " + path, errno);
  return failed(pid(), std::move(failure.error()));
}

/// Pairs of a tag and a value.
Result<std::vector<std::uint64_t>> Process::read_auxv() const {
  TRY(const Fd auxv, open_file("auxv"));
  std::vector<std::uint64_t> words(kMaxAuxvBytes / 8);
  const ssize_t got = read(auxv.get(), words.data(), kMaxAuxvBytes);
  if (got < 0) return fail_os("reading the auxiliary vector", errno);
  if (got == 0) return gone(pid());
  words.resize(static_cast<std::size_t>(got) / 8);
  return words;
}

/// Of the executable and the auxiliary vector, which has addresses that the
/// kernel draws anew at every exec, and the program's entry.
Result<std::uint64_t> Process::image_mark_now(int exe_fd) const {
  struct stat file{};
  if (fstat(exe_fd, &file) != 0) return fail_os("stat of executable", errno);
  TRY(const std::vector<std::uint64_t> auxv, read_auxv());
  std::uint64_t mark = mix(mix(0xcbf29ce484222325, file.st_dev), file.st_ino);
  for (const std::uint64_t word : auxv) mark = mix(mark, word);
  return mark;
}

Result<std::string> Process::find_exe_path() const {
  std::array<char, PATH_MAX> path{};
  const std::string link = procfs_.path(pid(), "exe");
  const ssize_t size = readlink(link.c_str(), path.data(), path.size());
  if (size < 0) {
    auto failure = fail_os("reading " + link, errno);
    return failed(pid(), std::move(failure.error()));
  }
  std::string_view name(path.data(), static_cast<std::size_t>(size));
  constexpr std::string_view kDeleted = " (deleted)";
  if (name.ends_with(kDeleted)) name.remove_suffix(kDeleted.size());
  return std::string(name);
}

Result<std::uint64_t> Process::load_bias(const ElfFile& elf) const {
  TRY(const std::vector<std::uint64_t> auxv, read_auxv());
  std::optional<std::uint64_t> headers, entry;
  for (std::size_t i = 0; i + 1 < auxv.size() && auxv[i] != AT_NULL; i += 2) {
    if (auxv[i] == AT_PHDR) headers = auxv[i + 1];
    if (auxv[i] == AT_ENTRY) entry = auxv[i + 1];
  }
  const std::optional<Addr> linked = elf.program_headers();
  if (!headers || !entry || !linked)
    return fail(Errc::kCorrupt, "no word on where the executable was loaded");
  const std::uint64_t bias = *headers - linked->value;
  const bool fits = elf.entry().value + bias == *entry &&
                    (bias == 0 || elf.position_independent());
  if (!fits)
    return fail(Errc::kCorrupt,
                "the process and its executable file disagree on where the "
                "program begins");
  return bias;
}

Result<std::vector<Mapping>> Process::mappings() const {
  auto lines = read_mappings(procfs_, pid(), kMaxMappings);
  if (!lines) return failed(pid(), std::move(lines).error());
  if (lines->empty()) return gone(pid());
  return lines;
}

}  // namespace taskleak
