// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
#include "daemon/instance_lock.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <string>

using namespace taskleak;

namespace {

// No process has this start time, so no daemon of this machine is in the way.
constexpr ProcessIdentity kTarget{
    .pid = 1, .start_ticks = 0xffff'ffff'ffffULL, .image_mark = 0};

}  // namespace

TEST_CASE("a target is watched once, and the holder is named") {
  const auto first = lock_target(kTarget);
  REQUIRE(first);
  const auto second = lock_target(kTarget);
  REQUIRE_FALSE(second);
  CHECK(second.error().code() == Errc::kLimit);
  CHECK(second.error().message().find(std::to_string(getpid())) !=
        std::string::npos);
}

TEST_CASE("the lock goes with its owner") {
  {
    const auto first = lock_target(kTarget);
    REQUIRE(first);
  }
  CHECK(lock_target(kTarget));
}

TEST_CASE("a recycled pid is another target") {
  const auto first = lock_target(kTarget);
  ProcessIdentity later = kTarget;
  later.start_ticks -= 1;
  CHECK(lock_target(later));
}
