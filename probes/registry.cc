// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The table of runtimes: the one list to extend when one is added.
#include <array>

#include "probes/go/describe.h"
#include "probes/go/go_runtime.h"
#include "probes/runtime.h"

namespace taskleak {
namespace {

constexpr std::array kKinds = {RuntimeKind{"go", &detect_go, &describe_go}};

}  // namespace

std::span<const RuntimeKind> runtime_kinds() { return kKinds; }

}  // namespace taskleak
