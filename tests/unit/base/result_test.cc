// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <doctest/doctest.h>

#include <cerrno>

using namespace taskleak;

namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return fail(Errc::kCorrupt, "odd", 0x10);
  return number / 2;
}

Result<int> quarter(int number) {
  TRY(const int once, half(number));
  return half(once);
}

Status check(int number) {
  TRY(half(number));
  return {};
}

}  // namespace

TEST_CASE("TRY passes the value on and hands the error up") {
  CHECK(quarter(8).value() == 2);
  CHECK(quarter(6).error().code() == Errc::kCorrupt);
  CHECK(check(4));
  CHECK_FALSE(check(3));
}

TEST_CASE("a message names context, address and errno's words") {
  CHECK(half(1).error().in("halving").message() == "halving: odd at 0x10");
  CHECK(fail_os("open", EACCES).error().message() == "open: Permission denied");
}

TEST_CASE("errno becomes the code that callers branch on") {
  CHECK(fail_os("x", ESRCH).error().code() == Errc::kGone);
  CHECK(fail_os("x", EPERM).error().code() == Errc::kDenied);
  CHECK(fail_os("x", EIO).error().code() == Errc::kOs);
}
