// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Evidence in words. Tasks of one site whose waits are known from one source
// share one list of facts, so that a hundred thousand leaked tasks cost as
// much text as their sites; what differs from task to task (the start of its
// wait) stands with the task.
#pragma once

#include <cstdint>
#include <vector>

#include "verdict/explain.h"
#include "verdict/judge.h"

namespace taskleak {

/// Collects the facts of one report.
class EvidenceBook {
 public:
  EvidenceBook(const Snapshot& snapshot, const Policy& policy);

  /// Index of the facts against a suspect that waits for at least `age_ns`.
  std::uint32_t suspect(const Task& task, WaitNature nature,
                        std::int64_t age_ns);
  /// Index of the fact that explains an old wait.
  std::uint32_t explained(WaitNature nature);
  /// Index of the fact that nothing can be said of a torn task.
  std::uint32_t torn();
  /// Index of the fact that the task's state is not known.
  std::uint32_t no_state();

  /// All lists in words, [0] empty; the book is empty then.
  std::vector<std::vector<Evidence>> write();

 private:
  /// Suspects that share their facts.
  struct Group {
    std::uint32_t index = 0;
    bool hopeless = false;
    std::uint64_t tasks = 0;
    std::int64_t youngest_ns = 0;
    std::int64_t oldest_ns = 0;
    Task sample;
  };
  std::uint32_t fixed(int slot, Evidence fact);
  std::vector<Evidence> words(const Group& group) const;

  const Snapshot& snapshot_;
  Policy policy_;
  std::vector<Group> groups_;
  /// Place in groups_, by site, source and hopelessness; kNoGroup = none yet.
  std::vector<std::uint32_t> group_of_;
  std::vector<std::uint32_t> fixed_;  ///< index by slot, 0 = not used yet
  std::vector<std::vector<Evidence>> lists_;
};

}  // namespace taskleak
