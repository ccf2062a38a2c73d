// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Where a Go executable keeps the two tables that all else is found by: the
// line table, and runtime.firstmoduledata, which points to it. By symbol and
// section name where the file has them; a file without is searched: the line
// table begins with a magic number, moduledata with a pointer to it.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "probes/go/image.h"
#include "probes/go/layout.h"

namespace taskleak {

struct GoModule {
  Addr pclntab;                ///< linked
  Addr moduledata;             ///< linked
  std::string pclntab_how;     ///< "section .gopclntab", "magic number"
  std::string moduledata_how;  ///< "symbol ...", "points to the line table"
};

/// kUnsupported: there is none, or more than one that would do; kCorrupt: the
/// symbol names something that is no moduledata.
Result<GoModule> find_module(const Image& image, const GoLayout& layout);

/// A word of moduledata that is a pointer of the file: by it the memory of a
/// process is compared with the file.
std::vector<std::uint32_t> module_pointers(const GoLayout& layout);

}  // namespace taskleak
