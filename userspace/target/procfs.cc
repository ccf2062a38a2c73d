// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Translates pids. `self` of a procfs leads to the reader as that procfs's
// namespace knows it, and its NSpid line has one number for each namespace from
// there down to ours: that tells how far apart the two are. A process of ours
// then has our number for it at the same place of its own line, one beside us
// has some other namespace's number there, so the handle opened by it is asked
// back: its fdinfo names the pid in the procfs's namespace.
#include "target/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace taskleak {
namespace {

constexpr std::size_t kContainerIdDigits = 64;

/// The text behind "name:" at the start of a line.
std::string_view line_of(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.size() > name.size() && line.starts_with(name) &&
        line[name.size()] == ':')
      return line.substr(name.size() + 1);
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return {};
}

std::vector<pid_t> numbers(std::string_view text) {
  std::vector<pid_t> result;
  while (true) {
    const std::size_t begin = text.find_first_not_of(" \t");
    if (begin == text.npos) return result;
    text.remove_prefix(begin);
    pid_t value = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) return result;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    result.push_back(value);
  }
}

std::unexpected<Error> no_process(pid_t pid) {
  return fail(Errc::kGone, fmt::format("there is no process {}", pid));
}

/// How many namespaces ours lies below that of the procfs.
Result<std::size_t> own_depth(const ProcFs& procfs) {
  const auto status = read_proc_text(procfs.own_path("status"));
  if (!status)
    return fail(Errc::kUnsupported,
                fmt::format("{} is no procfs of this daemon's pid namespace "
                            "or of one around it (it has no 'self')",
                            procfs.root));
  const std::vector<pid_t> pids = parse_ns_pids(*status);
  return pids.empty() ? 0 : pids.size() - 1;
}

std::unexpected<Error> outside(const ProcFs& procfs, pid_t pid) {
  return fail(
      Errc::kUnsupported,
      fmt::format("process {} of {} lies outside of this daemon's pid "
                  "namespace, where its memory cannot be reached: start the "
                  "daemon in the host's (docker run --pid=host, Kubernetes "
                  "hostPID: true)",
                  pid, procfs.root));
}

Result<Fd> open_pidfd(pid_t own, pid_t shown) {
  const long fd = syscall(SYS_pidfd_open, own, 0);
  if (fd >= 0) return Fd(static_cast<int>(fd));
  if (errno == ESRCH) return no_process(shown);
  if (errno != EINVAL && errno != ENOENT)
    return fail_os(fmt::format("opening process {}", shown), errno);
  return fail(Errc::kUsage,
              fmt::format("{} is a thread: name its process", shown));
}

/// Is `pidfd` the process that `procfs` shows as `pid`?
bool is_handle_of(const ProcFs& procfs, const Fd& pidfd, pid_t pid) {
  const auto info =
      read_proc_text(procfs.own_path(fmt::format("fdinfo/{}", pidfd.get())));
  if (!info) return false;
  const std::vector<pid_t> shown = numbers(line_of(*info, "Pid"));
  return shown.size() == 1 && shown[0] == pid;
}

void add_namespace(const ProcFs& procfs, pid_t pid, NamespacedPid& result) {
  struct stat info{};
  if (stat(procfs.path(pid, "ns/pid").c_str(), &info) != 0) return;
  result.namespace_device = info.st_dev;
  result.namespace_inode = info.st_ino;
}

}  // namespace

std::string ProcFs::path(pid_t pid, std::string_view name) const {
  return fmt::format("{}/{}/{}", root, pid, name);
}

std::string ProcFs::own_path(std::string_view name) const {
  return fmt::format("{}/self/{}", root, name);
}

Result<std::string> read_proc_text(const std::string& path) {
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return fail_os("opening " + path, errno);
  std::string text;
  std::array<char, 4096> piece;
  while (text.size() < kMaxProcTextBytes) {
    const ssize_t got = read(file.get(), piece.data(), piece.size());
    if (got < 0) return fail_os("reading " + path, errno);
    if (got == 0) break;
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
  return text;
}

std::vector<pid_t> parse_ns_pids(std::string_view status) {
  return numbers(line_of(status, "NSpid"));
}

std::optional<std::string> parse_container_id(std::string_view cgroup) {
  std::optional<std::string> id;
  std::size_t run = 0;
  for (std::size_t i = 0; i <= cgroup.size(); i++) {
    const char c = i < cgroup.size() ? cgroup[i] : '\0';
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')) {
      run++;
      continue;
    }
    if (run == kContainerIdDigits)
      id = std::string(cgroup.substr(i - run, run));
    run = 0;
  }
  return id;
}

Result<OpenedPid> open_pid(const ProcFs& procfs, pid_t pid) {
  if (pid <= 0)
    return fail(Errc::kUsage, fmt::format("{} is no process id", pid));
  TRY(const std::size_t depth, own_depth(procfs));
  const auto status = read_proc_text(procfs.path(pid, "status"));
  const std::vector<pid_t> pids =
      status ? parse_ns_pids(*status) : std::vector<pid_t>{};
  OpenedPid result;
  result.pid.own = pid;
  if (depth != 0) {
    if (!status) return no_process(pid);
    if (pids.size() <= depth) return outside(procfs, pid);
    result.pid.own = pids[depth];
  }
  auto pidfd = open_pidfd(result.pid.own, pid);
  const bool wrong = pidfd ? depth != 0 && !is_handle_of(procfs, *pidfd, pid)
                           : depth != 0 && pidfd.error().code() == Errc::kGone;
  if (wrong) return outside(procfs, pid);
  if (!pidfd) return std::unexpected(std::move(pidfd).error());
  result.pidfd = std::move(*pidfd);
  result.pid.inner = pids.empty() ? 0 : pids.back();
  result.pid.nested = pids.size() > 1;
  add_namespace(procfs, pid, result.pid);
  return result;
}

}  // namespace taskleak
