// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Which functions of Go's runtime we want to see, and where in this binary the
// probes on them go. Comes in: the executable, a way to find its functions, its
// Go version and layout.
// Leaves: a plan whose every place was decoded and checked, and for each probe
// that cannot be had the reason.
#pragma once

#include <string>

#include "probes/go/functions.h"
#include "probes/go/layout.h"
#include "probes/probe_spec.h"
#include "target/elf_file.h"

namespace taskleak {

/// Functions by the symbol table of `elf`, which outlives what comes back.
FindFunction functions_by_symbol(const ElfFile& elf);

/// The probes of a Go binary. Never fails as a whole: what cannot be had
/// stands in `refused`, and a class that lacks one probe lacks all of them
/// (ends without creations would count nonsense).
ProbePlan plan_go_probes(const ElfFile& elf, const FindFunction& find,
                         GoVersion version, const GoLayout& layout);

/// The same probes, none of which can be had, for one and the same reason.
ProbePlan refused_go_probes(GoVersion version, const std::string& why);

}  // namespace taskleak
