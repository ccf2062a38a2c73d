// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The names of probe classes, as metrics and coverage show them, and what a
// class needs to be of use.
#include "probes/probe_spec.h"

#include <vector>

namespace taskleak {

const char* probe_class_name(ProbeClass probe_class) {
  switch (probe_class) {
    case ProbeClass::kLifecycle: return "lifecycle";
    case ProbeClass::kWait: return "wait";
  }
  return "unknown";
}

void drop_incomplete_classes(ProbePlan& plan) {
  const std::vector<RefusedProbe> first = plan.refused;
  for (const RefusedProbe& cause : first) {
    for (const PlannedProbe& probe : plan.probes)
      if (probe.probe_class == cause.probe_class)
        plan.refused.push_back(
            {probe.name, probe.probe_class, "no use without " + cause.name});
    std::erase_if(plan.probes, [&](const PlannedProbe& probe) {
      return probe.probe_class == cause.probe_class;
    });
  }
}

}  // namespace taskleak
