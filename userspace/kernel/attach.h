// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Turns one planned probe into a link. A link is a file descriptor of this
// process: closed, by us or by our death, the probe is gone.
#pragma once

#include <bpf/libbpf.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>

#include "base/fd.h"
#include "base/result.h"
#include "kernel/object.h"
#include "probes/probe_spec.h"

namespace taskleak {

using LinkPtr = std::unique_ptr<bpf_link, Call<bpf_link__destroy>>;

/// Are the planned bytes still those of the file? kCorrupt when not.
Status check_bytes(int exe_fd, const PlannedProbe& probe);

/// A link of the probe's program to its place in the file behind `exe_fd`, for
/// all threads of `pid` alone, with `cookie` for the program.
Result<LinkPtr> attach_probe(const LoadedObject& object,
                             const PlannedProbe& probe, pid_t pid, int exe_fd,
                             std::uint64_t cookie);

}  // namespace taskleak
