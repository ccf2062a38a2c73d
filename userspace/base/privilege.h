// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Giving up rights for good: a part that is fooled can then do no more harm
// than its job allows.
#pragma once

#include <span>

#include "base/result.h"

namespace taskleak {

/// Gives up every capability but `kept` (CAP_ numbers; those not held are no
/// error), and the way to new ones (PR_SET_NO_NEW_PRIVS). kOs, kDenied.
Status keep_only_capabilities(std::span<const int> kept);

}  // namespace taskleak
