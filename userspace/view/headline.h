// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The sentences that text and page share: the answer in one line, a site's
// verdicts in a few words, and what limits the answer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "verdict/judge.h"

namespace taskleak {

/// "1 task", "1,150 tasks".
std::string plural(std::uint64_t count, std::string_view noun);
/// "pid 4242 shop (go1.26.8): 1,234 tasks, 1,198 blocked, 1,150 suspected
/// leaked (oldest ≥ 3m12s)". Not yet made printable.
std::string headline(const Report& report);
/// "all suspected leaked", "2 proven, 5 suspected leaked", "no leak".
std::string verdict_words(const VerdictCounts& counts, std::uint64_t tasks);
/// One sentence for each thing that was not seen, with its effect; empty when
/// everything was. Not yet made printable.
std::vector<std::string> limits_of(const Report& report);

}  // namespace taskleak
