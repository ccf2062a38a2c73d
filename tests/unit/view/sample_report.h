// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Reports for the tests of views. Verdicts are given by hand, so that these
// tests say nothing of how verdicts are reached: they cover every verdict, and
// what a view must show of each.
#pragma once

#include <cstdint>
#include <map>

#include "builder.h"
#include "verdict/judge.h"
#include "view/views.h"

namespace taskleak::test {

/// A report of `snapshot` in which the tasks of `verdicts` (by raw id) have
/// these, all other user tasks are healthy, torn ones unknown.
Report report_of(std::shared_ptr<const Snapshot> snapshot,
                 const std::map<std::uint64_t, Verdict>& verdicts);

/// sample_snapshot() with 17 suspect, 18 probable, 20 proven.
Report sample_report();

/// A shop at night: 1,150 senders, each on a channel of its own, 30 tasks
/// waiting for one mutex, a healthy pool, nothing lost.
Report shop_report();

/// 1,234 tasks that were counted and not read.
Report counted_report();

/// What the daemon says of itself in the tests.
DaemonFacts sample_facts();

}  // namespace taskleak::test
