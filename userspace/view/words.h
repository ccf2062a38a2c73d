// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// What several views say in the same words: frames, numbers, ages, which sites
// come first. In: parts of a report. Out: text not yet escaped for its place.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "verdict/judge.h"

namespace taskleak {

/// "1,234,567".
std::string grouped(std::uint64_t number);
/// "0.4ms", "950ms", "12s", "3m12s", "2h05m", "3d04h": two units at most.
std::string duration_text(std::int64_t ns);
/// The last `elements` of a path: "/src/shop/main.go", 2 -> "shop/main.go".
std::string_view last_elements(std::string_view path, int elements);
/// "main.serve main.go:42"; "" when the frame is not known.
std::string frame_text(const SnapshotTables& tables, FrameId id);
/// The frame, null when it is not known or its index is not in the table.
const Frame* frame_at(const SnapshotTables& tables, FrameId id);
/// The runtime's words for a wait, "" without one.
std::string_view reason_text(const SnapshotTables& tables, ReasonId id);
/// The kind of a wait, kNone without one.
WaitKind reason_kind(const SnapshotTables& tables, ReasonId id);
/// "go/17", "go/17@2".
std::string task_id_text(const SnapshotTables& tables, const TaskId& id);
/// "go", "go+pthread": the runtimes of the target.
std::string runtime_names(const Snapshot& snapshot);

/// How long a wait has lasted for certain.
struct Age {
  std::int64_t ns = 0;
  bool at_least = false;  ///< it may be longer, by more than a second
};
/// None when the task or site does not wait.
std::optional<Age> age_of(const Snapshot& snapshot, const WaitStart& wait);
/// "3m12s", "≥ 3m12s" when it is a lower bound, "not known" when that is 0.
std::string age_text(const Age& age);
/// Unix nanoseconds of a monotonic moment; none when out of range, as a moment
/// that stands in the target's memory may be.
std::optional<std::int64_t> unix_moment(const Snapshot& snapshot,
                                        std::int64_t monotonic_ns);

/// Suspect, probable and proven together.
std::uint64_t leaked(const VerdictCounts& counts);
/// One verdict's count.
std::uint64_t count_of(const VerdictCounts& counts, Verdict verdict);
/// A task's verdict; unknown when the report has none for it.
TaskVerdict verdict_of(const Report& report, const Task& task);
/// Indices of the snapshot's sites, worst first: by leaked tasks, then by the
/// strength of the verdict, then by tasks, then by id.
std::vector<std::uint32_t> ranked_sites(const Report& report);
/// Verdict counts of a site; zeros when the report has none for it.
const VerdictCounts& site_verdicts(const Report& report, std::size_t site);

}  // namespace taskleak
