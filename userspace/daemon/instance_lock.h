// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// One daemon a target. Two would each pay the probes' cost and publish the same
// series twice, so the second is refused with the first one's pid. The lock is
// an abstract socket: it lives in no file system and dies with its owner,
// however that ends. It is seen within one network namespace.
#pragma once

#include "base/fd.h"
#include "base/result.h"
#include "target/process.h"

namespace taskleak {

/// Held while the returned Fd lives. kLimit: another task-leakd watches this
/// very process; the text names its pid and what to do.
Result<Fd> lock_target(const ProcessIdentity& identity);

}  // namespace taskleak
