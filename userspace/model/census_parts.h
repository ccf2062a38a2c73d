// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// A census comes in parts (model/census.h). Who walks hands each part to a
// sink as soon as it is full, so that neither side ever holds the whole.
#pragma once

#include <functional>

#include "base/result.h"
#include "model/census.h"

namespace taskleak {

/// Takes the next part. An error ends the walk, which then fails with it.
using CensusSink = std::function<Status(Census part)>;

/// The whole in one piece, for who has the memory for it: calls `walk` with a
/// sink and puts the parts together.
Result<Census> collect(const std::function<Status(const CensusSink&)>& walk);

}  // namespace taskleak
