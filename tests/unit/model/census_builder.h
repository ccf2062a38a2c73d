// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// A scripted target: what it would tell a census, epoch by epoch. It keeps the
// slots as a runtime does and counts what it leaves unchanged, so that each
// test only says what happens.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "model/census.h"
#include "model/events.h"
#include "model/task_table.h"

namespace taskleak::test {

inline constexpr std::int64_t kSecond = 1'000'000'000;

/// Ids that every full census of the script defines.
inline constexpr ReasonId kReceive{0};
inline constexpr ReasonId kSleep{1};
inline constexpr FrameId kServe{0};
inline constexpr FrameId kWorker{1};
inline constexpr StackId kWorkerStack{0};

class Script {
 public:
  /// Epoch n is walked from `n` seconds on, for 10 ms.
  Census epoch(std::int64_t second, bool full = false) {
    Census census = std::exchange(next_, Census{});
    census.full = full || first_;
    first_ = false;
    if (census.full)
      add_tables(census);
    else
      go_on(census);
    census.begin_ns = second * kSecond;
    census.end_ns = census.begin_ns + 10'000'000;
    std::set<std::uint32_t> mentioned(census.torn.begin(), census.torn.end());
    for (const CensusTask& task : census.changed) mentioned.insert(task.slot);
    census.unchanged = 0;
    for (const std::uint32_t slot : live_) {
      const bool known = fresh_.count(slot) == 0;
      if (known && mentioned.count(slot) == 0) ++census.unchanged;
    }
    fresh_.clear();
    return census;
  }

  /// A task that is new or has changed; blocked in a receive when not said
  /// otherwise.
  CensusTask& task(std::uint32_t slot, std::uint64_t raw_id,
                   std::uint8_t run_count = 1) {
    if (live_.insert(slot).second) fresh_.insert(slot);
    CensusTask& task = next_.changed.emplace_back();
    task.slot = slot;
    task.raw_id = raw_id;
    task.run_count = run_count;
    task.record = 0xc000000000 + std::uint64_t{slot} * 512;
    task.state = TaskState::kBlocked;
    task.reason = kReceive;
    task.created_at = kServe;
    task.stack = kWorkerStack;
    return task;
  }
  void end(std::uint32_t slot) {
    live_.erase(slot);
    next_.ended.push_back(slot);
  }
  void tear(std::uint32_t slot) { next_.torn.push_back(slot); }
  /// The census being prepared.
  Census& next() { return next_; }

 private:
  static void add_tables(Census& census) {
    census.tables.frames = {{"main.serve", "/src/main.go", 42, {}},
                            {"main.worker", "/src/main.go", 57, {}}};
    census.tables.stacks = {{kWorker}};
    census.tables.reasons = {{"chan receive", WaitKind::kChannel, false},
                             {"sleep", WaitKind::kTimer, true}};
  }

  void go_on(Census& census) {
    census.tables.first_frame = frames_;
    census.tables.first_stack = 1;
    census.tables.first_reason = 2;
    frames_ += static_cast<std::uint32_t>(census.tables.frames.size());
  }

  Census next_;
  std::uint32_t frames_ = 2;
  bool first_ = true;
  std::set<std::uint32_t> live_;
  std::set<std::uint32_t> fresh_;
};

inline TargetInfo go_target() {
  TargetInfo target;
  target.pid = 1;
  target.runtimes = {{"go", "go1.26.8"}};
  return target;
}

}  // namespace taskleak::test
