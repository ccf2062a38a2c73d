// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Which tasks a document shows: all, a number of them with the leaked ones
// first, or a page. Pages go by id, so that those of one listing fit together
// although the target lives on between them: who lives throughout is on exactly
// one of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "view/views.h"

namespace taskleak {

struct JsonChoice {
  std::vector<std::uint32_t> places;  ///< of the tasks, in their order
  std::uint64_t total = 0;            ///< tasks that there are to choose from
  std::string next;  ///< id to go on after; empty: this was the last page
};

/// As JsonOptions say. One pass over all tasks; memory as for those chosen.
JsonChoice choose_tasks(const Report& report, const JsonOptions& options);

}  // namespace taskleak
