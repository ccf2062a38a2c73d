// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// What is remembered of every task that was once held for a leak, by its place
// in the snapshot's list, in pages that exist where there is something to
// remember. Updated in place, so that an epoch in which nothing new leaks
// allocates nothing. When tasks have moved to other places, what is remembered
// moves after them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "model/task_list.h"
#include "verdict/judge.h"

namespace taskleak {

struct Past {
  std::uint64_t raw_id = 0;
  std::uint32_t generation = 0;
  std::uint8_t runtime = 0;
  std::uint8_t reached = 0;  ///< a bit for each verdict it ever had, 0 = free
  Verdict verdict = Verdict::kUnknown;  ///< the last one
  std::uint8_t run_count = 0;  ///< of the wait that the verdict is about

  bool is_of(const TaskId& id) const {
    return reached != 0 && raw_id == id.raw && generation == id.generation &&
           runtime == id.runtime;
  }
};

class PastTable {
 public:
  /// nullptr when nothing is remembered of the task.
  const Past* find(const Task& task) const {
    const std::size_t page = task.place / kPage;
    if (page >= pages_.size() || !pages_[page]) return nullptr;
    const Past& past = (*pages_[page])[task.place % kPage];
    return past.is_of(task.id) ? &past : nullptr;
  }
  /// Remembers `past` at a place; one with `reached` 0 frees it.
  void put(std::uint32_t place, const Past& past) {
    const std::size_t page = place / kPage;
    if (page >= pages_.size() || !pages_[page]) {
      if (past.reached == 0) return;
      if (page >= pages_.size()) pages_.resize(page + 1);
      pages_[page] = std::make_unique<Page>();
    }
    (*pages_[page])[place % kPage] = past;
  }
  /// All that is remembered, in no order, to move it to other places.
  std::vector<Past> all() const {
    std::vector<Past> pasts;
    for (const auto& page : pages_)
      for (std::size_t i = 0; page && i < kPage; ++i)
        if ((*page)[i].reached != 0) pasts.push_back((*page)[i]);
    return pasts;
  }

 private:
  static constexpr std::size_t kPage = 1024;
  using Page = std::array<Past, kPage>;
  std::vector<std::unique_ptr<Page>> pages_;
};

}  // namespace taskleak
