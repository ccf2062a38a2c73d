// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
#include "model/task.h"

#include <doctest/doctest.h>

#include <set>

#include "builder.h"
#include "model/site.h"

using namespace taskleak;

TEST_CASE("objects are named by kind and address, descriptors by number") {
  CHECK(object_id({0xc000012345, WaitKind::kChannel}) == "chan/0xc000012345");
  CHECK(object_id({0x10, WaitKind::kMutex}) == "mutex/0x10");
  CHECK(object_id({7, WaitKind::kFd}) == "fd/7");
}

TEST_CASE("every state, kind and source has a name of its own") {
  std::set<std::string_view> names;
  for (int i = 0; i < kTaskStates; ++i)
    names.insert(task_state_name(static_cast<TaskState>(i)));
  CHECK(names.size() == kTaskStates);
  names.clear();
  for (int i = 0; i < kWaitKinds; ++i)
    names.insert(wait_kind_name(static_cast<WaitKind>(i)));
  CHECK(names.size() == kWaitKinds);
  CHECK(wait_start_source_name(WaitStartSource::kFirstSeen) == "first_seen");
}

TEST_CASE("a site's id depends on names, and on each part's place") {
  const std::uint64_t go = text_hash("go");
  const std::uint64_t a = frame_hash({"main.a", "/x/a.go", 1, {}});
  const std::uint64_t b = frame_hash({"main.b", "/x/b.go", 1, {}});
  CHECK(frame_hash({"main.a", "/elsewhere/a.go", 1, {}}) == a);
  CHECK(frame_hash({"main.a", "/x/a.go", 2, {}}) != a);
  CHECK(site_key(go, a, b, 0) != site_key(go, b, a, 0));
  // Fixed for ever: dashboards of last year refer to it.
  CHECK(site_id(site_key(go, a, b, text_hash("chan receive"))) ==
        "c558d377da68");
}

TEST_CASE("blocked_at is the innermost user frame, else library, else top") {
  const std::vector<Frame> frames = {
      {"runtime.gopark", "", 0, FrameOwner::kRuntime},
      {"net/http.f", "", 0, FrameOwner::kLibrary},
      {"main.f", "", 0, FrameOwner::kUser},
      {"main.g", "", 0, FrameOwner::kUser}};
  const auto at = [&](std::vector<FrameId> stack) {
    return blocked_frame(stack, frames).value;
  };
  CHECK(at({FrameId{0}, FrameId{1}, FrameId{2}, FrameId{3}}) == 2);
  CHECK(at({FrameId{0}, FrameId{1}}) == 1);
  CHECK(at({FrameId{0}}) == 0);
  CHECK_FALSE(blocked_frame({}, frames).valid());
}

TEST_CASE("the sample snapshot's counts and sites agree with its tasks") {
  const auto s = test::sample_snapshot();
  CHECK(s->counts.created - s->counts.finished == s->counts.tasks);
  std::uint64_t in_sites = 0;
  for (const Site& site : s->sites) in_sites += site.tasks;
  CHECK(in_sites == s->counts.tasks);
  CHECK(s->sites[0].tasks == 2);
}
