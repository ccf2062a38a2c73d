// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The child's side: answers requests about one target until its parent closes
// the socket.
#pragma once

#include <sys/types.h>

#include <span>

#include "base/fd.h"
#include "probes/runtime.h"
#include "reader/reader.h"

namespace taskleak {

/// What a child is started with.
struct ChildTask {
  pid_t parent = 0;
  pid_t target = 0;
  ReaderLimits limits;
  std::span<const RuntimeKind> kinds;
  ProcFs procfs;
};

/// Enters the sandbox and serves. Never returns; runs no destructor and no
/// exit handler of the parent's.
[[noreturn]] void run_child(const ChildTask& task, Fd socket);

}  // namespace taskleak
