// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Finds the runtime's global variables in an executable: by their symbols,
// else in the machine code of functions that refer to them (global_rules.h).
// What two references do not agree on is not found; nothing is guessed.
#pragma once

#include <array>
#include <string>

#include "base/result.h"
#include "probes/go/functions.h"
#include "probes/go/global_rules.h"
#include "probes/go/globals.h"
#include "probes/go/image.h"

namespace taskleak {

/// What became of one global.
struct FoundGlobal {
  const char* symbol = nullptr;
  Addr linked;          ///< 0: not found
  std::string how;      ///< by which way, or why not
  bool needed = false;  ///< without it no goroutine is listed
};

struct GoGlobalSearch {
  std::array<FoundGlobal, kGoGlobals> found;  ///< by GoGlobal
  std::uint64_t wait_reasons_bytes = 0;

  const FoundGlobal& of(GoGlobal global) const {
    return found[static_cast<std::size_t>(global)];
  }
};

/// Never fails as a whole: what was not found says why.
GoGlobalSearch search_globals(const Image& image, const GoFunctions& functions,
                              const GoLayout& layout, GoVersion version);

/// The addresses as the process has them. kUnsupported: one that is needed was
/// not found; the text names it and says why.
Result<GoGlobals> live_globals(const Image& image, const GoGlobalSearch& search,
                               Addr moduledata);

}  // namespace taskleak
