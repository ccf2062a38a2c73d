// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// What the reader child gives up before it looks at the first byte of a
// target. It keeps the right to read processes and files, and a socket to its
// parent; it cannot write a file, start a program, reach a network, signal
// anybody, change memory of others, or use more memory than its cap.
#pragma once

#include <linux/capability.h>
#include <sys/types.h>

#include <array>
#include <cstdint>

#include "base/result.h"

namespace taskleak {

/// Exit status of a child that asked for more memory than its cap.
inline constexpr int kExitMemoryCap = 90;

/// What a reader keeps, and the process that makes readers. Reading memory and
/// /proc of another user; opening a file that only another user may read
/// (/proc/PID/exe of a private executable).
inline constexpr std::array<int, 2> kReaderCapabilities = {CAP_SYS_PTRACE,
                                                           CAP_DAC_READ_SEARCH};

/// Ties this process to its parent's life (`parent` is its pid), keeps
/// `socket` and stderr and closes all else, drops every capability but those
/// that reading needs, caps memory, installs the system call filter. A memory
/// request beyond the cap ends the process with kExitMemoryCap. Nothing of it
/// can be undone. Memory is not capped under sanitizers, whose shadow needs
/// terabytes of address space.
Status enter_sandbox(pid_t parent, int socket, std::uint64_t memory_bytes);

}  // namespace taskleak
