// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// `task-leakd layout`: what is found in one executable and by which way, for
// reports of binaries that cannot be read. Reads the file and, with a process,
// compares it with the memory; attaches nothing.
#pragma once

#include "base/result.h"
#include "daemon/options.h"

namespace taskleak {

struct LayoutAnswer {
  std::string text;     ///< to print, ends with a newline
  std::string refused;  ///< why tasks of such a program cannot be listed
};

/// kUsage: `options` names neither file nor process; kNotFound: no runtime
/// that we know is in it; and what opening the file or process gives.
Result<LayoutAnswer> describe_layout(const LayoutOptions& options);

}  // namespace taskleak
