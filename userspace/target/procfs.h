// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Which process a pid of some /proc is. A procfs shows the pids of one pid
// namespace; system calls take those of the caller's. In a container that has
// the host's /proc mounted the two differ, and a wrong guess would read another
// process. So: a pid is translated through the NSpid line, and the result is
// compared with what the procfs itself says of a handle to that process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace taskleak {

/// A mounted procfs.
struct ProcFs {
  std::string root = "/proc";

  /// "/proc/PID/name".
  std::string path(pid_t pid, std::string_view name) const;
  /// "/proc/self/name": this process as that procfs knows it.
  std::string own_path(std::string_view name) const;
};

/// A process by its names in all pid namespaces that matter.
struct NamespacedPid {
  pid_t own = 0;    ///< in ours: what system calls take
  pid_t inner = 0;  ///< in the process's own, 0 when not known
  /// Its own pid namespace, as stat(2) of /proc/PID/ns/pid gives it; 0 when
  /// that cannot be read.
  std::uint64_t namespace_device = 0;
  std::uint64_t namespace_inode = 0;
  /// It lives in a pid namespace below that of the procfs.
  bool nested = false;
};

/// Pids of the NSpid line of a /proc/PID/status, from the procfs's namespace
/// inwards; empty when there is no such line (a kernel without them).
std::vector<pid_t> parse_ns_pids(std::string_view status);

/// The id that a container engine wrote into a /proc/PID/cgroup: the last run
/// of 64 hexadecimal digits (docker, containerd, CRI-O, podman), else nothing.
std::optional<std::string> parse_container_id(std::string_view cgroup);

struct OpenedPid {
  NamespacedPid pid;
  Fd pidfd;
};

/// The process that `procfs` shows as `pid`, held by a pidfd. kUsage: not a
/// process id; kGone: no such process; kUnsupported: it lies outside of our pid
/// namespace, or `procfs` is none of ours or of one around it.
Result<OpenedPid> open_pid(const ProcFs& procfs, pid_t pid);

/// The whole of a small file of a procfs, at most kMaxProcTextBytes.
inline constexpr std::size_t kMaxProcTextBytes = 64 << 10;
Result<std::string> read_proc_text(const std::string& path);

}  // namespace taskleak
