// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Which functions of Go's runtime we want to see, and where in this binary the
// probes on them go. Comes in: the executable, its Go version and layout.
// Leaves: a plan whose every place was decoded and checked, and for each probe
// that cannot be had the reason.
#pragma once

#include "probes/go/layout.h"
#include "probes/probe_spec.h"
#include "target/elf_file.h"

namespace taskleak {

/// The probes of a Go binary. Never fails as a whole: what cannot be had
/// stands in `refused`, and a class that lacks one probe lacks all of them
/// (ends without creations would count nonsense).
ProbePlan plan_go_probes(const ElfFile& elf, GoVersion version,
                         const GoLayout& layout);

}  // namespace taskleak
