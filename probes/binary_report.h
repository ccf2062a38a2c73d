// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// What a runtime plug-in finds in an executable and by which way, as plain
// data: `task-leakd layout` prints it, for reports of binaries that cannot be
// read and for tests.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/strong.h"
#include "probes/probe_spec.h"

namespace taskleak {

/// A table or variable of the runtime.
struct FoundAddress {
  std::string name;
  Addr linked;          ///< 0: not found
  std::string how;      ///< by which way, or why not
  bool needed = false;  ///< without it no task is listed
};

struct BinaryReport {
  std::string runtime;  ///< "go"
  std::string version;  ///< as the runtime names itself
  /// What else is known, in the order to show it: "layout", "table go1.26.0".
  std::vector<std::pair<std::string, std::string>> facts;
  std::vector<FoundAddress> addresses;
  ProbePlan probes;
  /// Why no task of such a program can be listed; empty: they can.
  std::string refused;
};

}  // namespace taskleak
