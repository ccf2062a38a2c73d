// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// A goroutine in the middle of a walk: its record, and what the rounds of
// dependent reads have found for it so far. It is believed only once its
// record was read again behind them and says the same.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/task.h"
#include "probes/go/g_record.h"

namespace taskleak {

struct WalkedTask {
  GRecord g;
  std::uint32_t slot = 0;
  std::uint8_t attempts = 0;
  bool torn = false;     ///< what was read contradicts itself
  bool unfound = false;  ///< it waits for an object that we did not find
  WaitKind kind = WaitKind::kNone;  ///< of its wait reason, while parked
  StackId stack;
  LabelsId labels;
  std::int64_t deadline_ns = 0;
  std::vector<ObjectRef> waits_on;

  /// Forgets what was found, for another attempt with the record `again`.
  void restart(const GRecord& again) {
    g = again;
    torn = unfound = false;
    kind = WaitKind::kNone;
    stack = StackId::none();
    labels = LabelsId::none();
    deadline_ns = 0;
    waits_on.clear();
  }
  void ends_at(std::int64_t ns) {
    if (ns > 0 && (deadline_ns == 0 || ns < deadline_ns)) deadline_ns = ns;
  }
};

}  // namespace taskleak
