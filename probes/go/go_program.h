// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// All that an executable of Go tells about itself, whatever it was stripped
// of: version, layout of the runtime's structs, line table, functions, global
// variables. Comes in: the file, and where a process has loaded it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "probes/go/build_info.h"
#include "probes/go/functions.h"
#include "probes/go/global_finder.h"
#include "probes/go/image.h"
#include "probes/go/layout.h"
#include "probes/go/module.h"
#include "probes/go/pclntab.h"

namespace taskleak {

/// Its parts point to one another: never moved.
struct GoProgram {
  /// Of the executable behind `exe_fd`; `elf` is the same file, `bias` as in
  /// Image. kNotFound: not a Go program; kUnsupported: it is, and something of
  /// it is not known to us, the text says what.
  static Result<std::unique_ptr<GoProgram>> open(int exe_fd, ElfFile elf,
                                                 std::uint64_t bias);

  GoProgram(Image loaded, GoBuildInfo info)
      : image(std::move(loaded)), build(std::move(info)) {}
  GoProgram(const GoProgram&) = delete;
  GoProgram& operator=(const GoProgram&) = delete;

  Image image;
  GoBuildInfo build;
  GoVersion version;
  GoLayout layout;
  GoModule module;
  std::unique_ptr<Pclntab> table;
  std::unique_ptr<GoFunctions> functions;
  GoGlobalSearch globals;
};

}  // namespace taskleak
