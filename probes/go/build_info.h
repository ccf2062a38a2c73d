// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// What a Go linker leaves in every executable about its build: the version of
// Go and the main module (section .go.buildinfo, described in Go's package
// debug/buildinfo). It survives stripping; its lengths are the file's own and
// are bounded before use.
#pragma once

#include <string>

#include "base/result.h"
#include "probes/go/version.h"
#include "target/elf_file.h"

namespace taskleak {

struct GoBuildInfo {
  std::string version;      ///< as Go names itself: "go1.26.8 X:boringcrypto"
  std::string path;         ///< package path of main, empty when not recorded
  std::string main_module;  ///< module path of main, likewise
};

/// kNotFound: not a Go program; kCorrupt: it has the section, and what it says
/// lies outside of it or of the file. The version is to be parsed by
/// GoVersion::parse.
Result<GoBuildInfo> read_build_info(const ElfFile& elf);

}  // namespace taskleak
