// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The contract of a runtime plug-in: how to recognise a task runtime inside a
// live process, list its tasks from memory, and say which probes would add
// history. Its objects live in the reader child; everything they return is
// plain data that crosses a pipe.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/census_parts.h"
#include "probes/binary_report.h"
#include "probes/probe_spec.h"
#include "target/memory.h"
#include "target/process.h"

namespace taskleak {

/// What a walk should do.
struct CensusRequest {
  /// Forget what is known and read everything again.
  bool full = false;
  /// Stop after this monotonic time with kTimeout.
  std::int64_t deadline_ns = 0;
  /// Code addresses (creation sites that events reported) to name in
  /// Census::named_pcs.
  std::vector<std::uint64_t> name_pcs;
};

/// One runtime inside one live process. Not thread-safe.
class Runtime {
 public:
  virtual ~Runtime() = default;
  /// "go", and its version as it names itself, "go1.26.8".
  virtual std::string name() const = 0;
  virtual std::string version() const = 0;
  /// Which probes can be had; never fails as a whole.
  virtual ProbePlan plan_probes() const = 0;
  /// Walks the runtime's list of tasks and gives its parts to `sink`, in order,
  /// the last one marked. The first call, any with request.full, and the one
  /// after a failure give all tasks; others what changed. A task that changed
  /// under every retry stands in `torn`. kGone: target exited; kFault,
  /// kCorrupt: no list; kTimeout: deadline passed; else what the sink said. A
  /// walk that fails may have given parts already: its receiver then holds a
  /// table of two walks, which only a full one mends.
  virtual Status take_census(const CensusRequest& request,
                             const CensusSink& sink) = 0;
};

/// A process and its memory.
struct LiveProcess {
  const Process& process;
  const MemoryReader& memory;
};

/// A row of the table of runtimes.
struct RuntimeKind {
  const char* name;
  /// The runtime in this process. kNotFound: it is not there. kUnsupported: it
  /// is, and we cannot read it; the text says why and what to do.
  Result<std::unique_ptr<Runtime>> (*detect)(const Process& process,
                                             const MemoryReader& memory);
  /// What is found in the executable behind `exe_fd`; `live` runs it, or is
  /// nullptr. kNotFound: it has no such runtime; what else stands in the way
  /// of listing its tasks is part of the report.
  Result<BinaryReport> (*describe)(int exe_fd,
                                   const LiveProcess* live) = nullptr;
};

/// Every runtime that needs code, in the order they are tried.
std::span<const RuntimeKind> runtime_kinds();

}  // namespace taskleak
