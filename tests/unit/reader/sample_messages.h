// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Messages with every field set to something of its own, so that two fields
// that change places are noticed.
#pragma once

#include "reader/codec.h"

namespace taskleak::test {

inline Census sample_census() {
  Census c;
  c.part = 2;
  c.last = false;
  c.runtime = 3;
  c.full = true;
  c.begin_ns = 101;
  c.end_ns = 102;
  CensusTask& task = c.changed.emplace_back();
  task.slot = 103;
  task.state = TaskState::kBlocked;
  task.system = true;
  task.new_life = true;
  task.run_count = 104;
  task.raw_id = 105;
  task.parent_raw_id = 106;
  task.record = 107;
  task.reason = ReasonId{108};
  task.created_at = FrameId{109};
  task.stack = StackId{110};
  task.labels = LabelsId{111};
  task.wait_earliest_ns = 112;
  task.wait_latest_ns = 113;
  task.deadline_ns = 114;
  task.waits_on = {{115, WaitKind::kChannel}, {116, WaitKind::kMutex}};
  c.changed.emplace_back().slot = 117;
  c.changed.emplace_back().waits_on = {{118, WaitKind::kFd}};
  c.bounds = {{119, 120, 121}};
  c.ended = {122, 123};
  c.torn = {124};
  c.unchanged = 125;
  c.objects = {{{126, WaitKind::kChannel}, 127, -1, 128, 1}};
  c.totals = {129, true, -130, 131, 132};
  c.tables = {133,
              134,
              135,
              136,
              {{"main.f", "/f.go", 137, FrameOwner::kLibrary}, {"", "", 0, {}}},
              {{FrameId{138}, FrameId{139}}, {}},
              {{{"key", "value"}, {"", std::string("\0\n", 2)}}, {}},
              {{"chan receive", WaitKind::kChannel, true}}};
  c.named_pcs = {{140, FrameId{141}}, {142, FrameId::none()}};
  c.notes = {"note", ""};
  return c;
}

inline Detection sample_detection() {
  Detection d;
  d.target.pid = 201;
  d.target.start_unix_ns = 202;
  d.target.start_monotonic_ns = 203;
  d.target.exe = "/srv/shop";
  d.target.build_id = "c0ffee";
  d.target.runtimes = {{"go", "go1.26.8"}};
  d.target.labels = {{"service", "shop"}};
  ProbePlan& plan = d.plans.emplace_back();
  plan.probes = {{"go.gopark",
                  "runtime.gopark",
                  ProbeProgram::kGoPark,
                  ProbeClass::kWait,
                  204,
                  {0x55, 0x48},
                  "push rbp"}};
  plan.refused = {{"go.ready", ProbeClass::kWait, "no such symbol"}};
  plan.config = {205, 206, 207};
  return d;
}

}  // namespace taskleak::test
