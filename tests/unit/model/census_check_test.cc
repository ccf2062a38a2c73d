// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
#include "model/census_check.h"

#include <doctest/doctest.h>

#include <functional>

#include "census_builder.h"

using namespace taskleak;
using namespace taskleak::test;

namespace {

/// What fold() says to a second census that `spoil` has been at; the table
/// must be as it was before when it refuses.
Errc refusal(const std::function<void(Census&)>& spoil) {
  TaskTable table(go_target());
  Script script;
  script.task(0, 1);
  script.task(1, 2);
  REQUIRE(table.fold(script.epoch(1), {}, {}));
  script.task(1, 2, 2);
  Census census = script.epoch(2);
  REQUIRE(census.unchanged == 1);
  spoil(census);
  const Status folded = table.fold(census, {}, {});
  REQUIRE_FALSE(folded);
  const auto s = table.freeze(0);
  CHECK(s->taken_ns == kSecond);
  CHECK(s->tasks.size() == 2);
  CHECK(s->tables->frames.size() == 2);
  return folded.error().code();
}

}  // namespace

TEST_CASE("a census whose parts do not fit together changes nothing") {
  const auto corrupt = [](auto spoil) {
    CHECK(refusal(spoil) == Errc::kCorrupt);
  };
  corrupt([](Census& c) { c.runtime = 1; });
  corrupt([](Census& c) { c.end_ns = c.begin_ns - 1; });
  corrupt([](Census& c) { c.begin_ns = 0; });
  corrupt([](Census& c) { c.tables.first_frame = 1; });
  corrupt([](Census& c) { c.tables.first_reason = 0; });
  corrupt([](Census& c) { c.changed.push_back(c.changed[0]); });
  corrupt([](Census& c) { c.changed[0].created_at = FrameId{2}; });
  corrupt([](Census& c) { c.changed[0].stack = StackId{1}; });
  corrupt([](Census& c) { c.changed[0].reason = ReasonId{2}; });
  corrupt([](Census& c) { c.changed[0].labels = LabelsId{0}; });
  corrupt([](Census& c) { c.changed[0].state = static_cast<TaskState>(9); });
  corrupt([](Census& c) {
    c.changed[0].waits_on = {{1, static_cast<WaitKind>(99)}};
  });
  corrupt([](Census& c) {
    c.objects.push_back({.ref = {1, static_cast<WaitKind>(99)}});
  });
  corrupt([](Census& c) {
    c.tables.first_stack = 1;
    c.tables.stacks = {{FrameId{2}}};
  });
  corrupt([](Census& c) { c.tables.stacks = {{FrameId::none()}}; });
  corrupt([](Census& c) { c.named_pcs = {{1, FrameId{2}}}; });
  corrupt([](Census& c) { c.unchanged = 2; });
}

TEST_CASE("a census beyond the bounds is a limit") {
  const auto limit = [](auto spoil) { CHECK(refusal(spoil) == Errc::kLimit); };
  limit([](Census& c) { c.changed[0].slot = TaskTable::kMaxTasks; });
  limit([](Census& c) { c.torn = {TaskTable::kMaxTasks}; });
  limit([](Census& c) { c.ended = {0xffffffffU}; });
  limit([](Census& c) { c.bounds = {{TaskTable::kMaxTasks, 0, 0}}; });
  limit([](Census& c) {
    c.changed[0].waits_on.resize(TaskTable::kMaxWaitsOn + 1);
  });
  limit([](Census& c) {
    c.tables.stacks = {std::vector<FrameId>(TaskTable::kMaxStackFrames + 1)};
  });
}
