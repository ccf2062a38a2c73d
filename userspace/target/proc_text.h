// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The texts of /proc that describe a process, parsed. The kernel writes them,
// but the names in them are the process's own: a command may hold ") R 1 2",
// a path may hold anything.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "target/process.h"

namespace taskleak {

/// What we use of /proc/PID/stat; numbers in the brackets are proc(5)'s.
struct ProcStat {
  char state = 0;                 ///< [3]
  std::uint64_t flags = 0;        ///< [9]
  std::uint64_t start_ticks = 0;  ///< [22]
  Addr code_begin;  ///< [26], 1 without the right to read the memory
};

/// kCorrupt when the line is not as proc(5) says.
Result<ProcStat> parse_proc_stat(std::string_view line);
Result<ProcStat> read_proc_stat(const ProcFs& procfs, pid_t pid);

/// One line of /proc/PID/maps, without its newline. kCorrupt likewise.
Result<Mapping> parse_mapping(std::string_view line);
/// All lines of /proc/PID/maps; kLimit above `limit` of them.
Result<std::vector<Mapping>> read_mappings(const ProcFs& procfs, pid_t pid,
                                           std::size_t limit);

}  // namespace taskleak
