// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The names of probe classes, as metrics and coverage show them.
#include "probes/probe_spec.h"

namespace taskleak {

const char* probe_class_name(ProbeClass probe_class) {
  switch (probe_class) {
    case ProbeClass::kLifecycle: return "lifecycle";
    case ProbeClass::kWait: return "wait";
  }
  return "unknown";
}

}  // namespace taskleak
