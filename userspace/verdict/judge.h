// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Judges a snapshot. Pure: the same snapshot, history and policy give the same
// report. A verdict carries the facts that a person would check, and is never
// stronger than the coverage it rests on.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/snapshot.h"

namespace taskleak {

enum class Verdict : std::uint8_t {
  kHealthy,
  kSuspect,  ///< an old wait that nothing explains
  kProbable,
  kProven,
  kUnknown,  ///< coverage too low to say
};
inline constexpr int kVerdicts = 5;
/// "healthy", "suspect", "probable", "proven", "unknown".
std::string_view verdict_name(Verdict verdict);
/// Does it count as leaked (suspect, probable, proven)?
bool is_leak(Verdict verdict);

/// What to hold against a wait.
struct Policy {
  /// A blocked task that certainly waited this long, and never ran meanwhile,
  /// is suspect, unless its wait explains itself: it ends by itself or at a
  /// deadline to come, is the runtime's own, listens for clients, or is a
  /// library's wait for its peer that no code of the user called for.
  std::int64_t suspect_after_ns = 60'000'000'000;
};

/// One fact behind a verdict: a stable kind for machines, a sentence for a
/// person.
struct Evidence {
  std::string kind;
  std::string text;
};

using VerdictCounts = std::array<std::uint64_t, kVerdicts>;

struct TaskVerdict {
  Verdict verdict = Verdict::kUnknown;
  std::uint32_t evidence = 0;  ///< index into Report::evidence
};

/// A snapshot with its verdicts; what every view renders.
struct Report {
  std::shared_ptr<const Snapshot> snapshot;
  std::vector<TaskVerdict> tasks;    ///< by Task::place
  std::vector<VerdictCounts> sites;  ///< one for each of snapshot->sites
  VerdictCounts counts{};            ///< system tasks left out
  std::uint64_t working = 0;         ///< tasks less proven and probable
  std::vector<std::vector<Evidence>> evidence;  ///< shared by tasks; [0] empty
  /// Distinct tasks that ever reached a verdict since attach; of suspect,
  /// probable and proven alone.
  VerdictCounts detections{};
};

/// What earlier epochs said, as far as a verdict needs it; one a target.
class History {
 public:
  History();
  History(History&&) noexcept;
  History& operator=(History&&) noexcept;
  ~History();
  /// Remembers this report's verdicts: they stay until evidence changes.
  void remember(const Report& report);

 private:
  friend Report judge(const std::shared_ptr<const Snapshot>&, const History&,
                      const Policy&);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The verdict on every task of `snapshot`.
Report judge(const std::shared_ptr<const Snapshot>& snapshot,
             const History& history, const Policy& policy);

}  // namespace taskleak
