// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Which process we look at. A pid is reused and an exec keeps it, so identity
// is (pid, start time, image): the pidfd says when the process ends, its open
// memory and the image mark when it executes another program. The executable
// is opened once through /proc/PID/exe, which also works for deleted and
// containerised files.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/strong.h"
#include "target/elf_file.h"
#include "target/procfs.h"

namespace taskleak {

/// What may not change while we look at one and the same program.
struct ProcessIdentity {
  pid_t pid = 0;
  /// Field 22 of /proc/PID/stat, clock ticks since boot.
  std::uint64_t start_ticks = 0;
  /// Changes with every exec: a hash over the executable's device and inode,
  /// and where the kernel put the stack and the auxiliary vector.
  std::uint64_t image_mark = 0;

  bool operator==(const ProcessIdentity&) const = default;
};

/// A line of /proc/PID/maps.
struct Mapping {
  Addr begin;
  Addr end;
  std::uint64_t offset = 0;
  std::uint64_t inode = 0;
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  bool readable = false;
  bool writable = false;
  bool executable = false;
  std::string path;
};

/// One live process. Move-only (it owns the pidfd and the executable's fd).
class Process {
 public:
  /// kGone: no such process, or a zombie; kDenied: not ours to read, the text
  /// names the capability and the command that grants it; kUnsupported: a
  /// kernel thread, or a process outside of our pid namespace; kUsage: not a
  /// process id. `pid` is the one that `procfs` shows.
  static Result<Process> open(pid_t pid, const ProcFs& procfs = {});

  /// As its procfs shows it: what people name it by.
  pid_t pid() const { return identity_.pid; }
  /// In the pid namespaces of others: what system calls name it by.
  const NamespacedPid& namespaced_pid() const { return namespaced_pid_; }
  /// Where its files of /proc are.
  const ProcFs& procfs() const { return procfs_; }
  const ProcessIdentity& identity() const { return identity_; }
  /// Readable (POLLIN) once the process has ended.
  int pidfd() const { return pidfd_.get(); }
  /// The executable, open for reading; valid though the file be deleted.
  int exe_fd() const { return exe_.get(); }
  /// Its path as the kernel names it, " (deleted)" cut off.
  const std::string& exe_path() const { return exe_path_; }
  /// Wall time at which it started, nanoseconds since the Unix epoch.
  std::int64_t start_unix_ns() const { return start_unix_ns_; }
  /// CLOCK_MONOTONIC at which it started (to a clock tick).
  std::int64_t start_monotonic_ns() const { return start_monotonic_ns_; }

  /// Is it still the process and the program that open() saw? kGone when it
  /// ended or its pid names another; kNotFound when it executed another
  /// program: open it anew.
  Status still_same() const;
  /// How far from its linked addresses `elf`, the executable, was loaded: 0
  /// unless it is position-independent. From the addresses of its program
  /// headers and entry that the kernel wrote into the auxiliary vector.
  /// kCorrupt: they are not this file's.
  Result<std::uint64_t> load_bias(const ElfFile& elf) const;
  /// /proc/PID/maps now, in address order; at most kMaxMappings lines.
  Result<std::vector<Mapping>> mappings() const;

  static constexpr std::size_t kMaxMappings = 1 << 18;

 private:
  Process() = default;
  Result<Fd> open_file(const char* name) const;
  Result<std::vector<std::uint64_t>> read_auxv() const;
  Result<std::uint64_t> image_mark_now(int exe_fd) const;
  Result<std::string> find_exe_path() const;

  ProcessIdentity identity_;
  ProcFs procfs_;
  NamespacedPid namespaced_pid_;
  Fd pidfd_;
  Fd exe_;
  /// /proc/PID/mem, for reading: bound to this address space, so a read of 0
  /// bytes tells that the process has executed another program. It keeps no
  /// page of the target alive.
  Fd memory_;
  Addr code_;  ///< where the program's code begins
  std::string exe_path_;
  std::int64_t start_unix_ns_ = 0;
  std::int64_t start_monotonic_ns_ = 0;
};

}  // namespace taskleak
