// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Go as a plug-in: the registry's way in.
#pragma once

#include <memory>

#include "probes/runtime.h"

namespace taskleak {

/// The Go runtime in `process`. kNotFound: not a Go program. kUnsupported: a
/// Go whose layout is not known for certain, or one of whose tables was not
/// found; the text names which. kCorrupt: the process does not run the file.
Result<std::unique_ptr<Runtime>> detect_go(const Process& process,
                                           const MemoryReader& memory);

/// What a test may ask for.
struct GoOptions {
  bool search_frames = true;  ///< as CensusSources::search_frames
};
Result<std::unique_ptr<Runtime>> detect_go_with(const Process& process,
                                                const MemoryReader& memory,
                                                const GoOptions& options);

}  // namespace taskleak
