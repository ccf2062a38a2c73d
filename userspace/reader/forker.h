// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Readers are started again at any time, and by then the daemon has threads: a
// child forked from it could find a lock of the C library taken for ever. So a
// process is forked at the start that does nothing but wait to be asked: it
// has one thread, holds no more rights than a reader, touches no target, and
// makes and ends readers on request. It ends with the daemon, and every reader
// with it.
#pragma once

#include <sys/types.h>

#include <memory>
#include <span>
#include <utility>

#include "base/fd.h"
#include "base/result.h"
#include "probes/runtime.h"
#include "target/procfs.h"

namespace taskleak {

struct ReaderLimits;

/// The daemon's handle of that process. Not thread-safe.
class Forker {
 public:
  /// Forks it. To be called while this process has one thread. Its readers
  /// know the runtimes `kinds` and look at the processes that `procfs` shows.
  /// kOs.
  static Result<std::shared_ptr<Forker>> start(
      std::span<const RuntimeKind> kinds, const ProcFs& procfs = {});
  Forker(const Forker&) = delete;
  Forker& operator=(const Forker&) = delete;
  /// Ends the process, and so its readers.
  ~Forker();

  /// Makes a reader of process `target` that serves `socket`; its pid. kOs:
  /// the kernel makes no more processes, or the forker itself has ended.
  Result<pid_t> make_reader(pid_t target, const ReaderLimits& limits,
                            const Fd& socket);
  /// Ends a reader, if it lives still, and reaps it; its wait status, 0 when
  /// there is no such reader.
  int end_reader(pid_t reader);

  pid_t pid() const { return pid_; }

 private:
  Forker(pid_t pid, Fd socket) : pid_(pid), socket_(std::move(socket)) {}

  pid_t pid_;
  Fd socket_;
};

}  // namespace taskleak
