// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The reader is a child process, one a target, which alone touches the
// target's bytes. It may be fooled, stall or die: it has a deadline, a memory
// cap and no BPF rights, and what it sends is checked. The parent side here
// asks and decodes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/census_parts.h"
#include "model/snapshot.h"
#include "probes/probe_spec.h"
#include "reader/forker.h"

namespace taskleak {

struct ReaderLimits {
  std::uint64_t memory_bytes = std::uint64_t{2} << 30;  ///< RLIMIT_AS
  std::int64_t detect_deadline_ns = 20'000'000'000;
  /// Long enough for a first census of a million tasks on a busy host.
  std::int64_t census_deadline_ns = 60'000'000'000;
  /// One answer, or part of one: of a census some 2 MiB, more when it brings
  /// many names.
  std::uint64_t reply_bytes = std::uint64_t{64} << 20;
};

/// What detect() found, for each runtime of the process.
struct Detection {
  TargetInfo target;
  std::vector<ProbePlan> plans;  ///< one for each of target.runtimes
};

/// Parent's handle of one reader child. The child ends with it.
class Reader {
 public:
  /// Has `forker` make a child that reads process `pid`. kOs.
  static Result<Reader> start(std::shared_ptr<Forker> forker, pid_t pid,
                              const ReaderLimits& limits);
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;
  ~Reader();

  /// Which runtimes the target has. The errors of detect (gone, denied,
  /// unsupported, not found: no known runtime) come through as they were in
  /// the child; kTimeout, kLimit (its memory cap) and kCorrupt when the child
  /// itself failed.
  Result<Detection> detect();
  /// One census of runtime `index`, whose parts go to `sink` as they come;
  /// `full` forgets what the child knows, `name_pcs` are code addresses to
  /// name. What the sink refuses ends the child. After any error the child may
  /// be dead: start a new one, whose first census is full.
  Status census(std::size_t index, bool full,
                std::vector<std::uint64_t> name_pcs, const CensusSink& sink);
  /// Of the live child, 0 once it failed.
  pid_t child_pid() const;

 private:
  Reader();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace taskleak
