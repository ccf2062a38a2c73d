// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Contradictions that a target's own words hold. Tables of real versions are
// checked in tests/e2e, which runs every tool chain.
#include "probes/go/self_checks.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace taskleak;

namespace {

/// A table of `size` reasons with `text` at `place`.
std::vector<WaitReason> reasons(std::size_t size, std::size_t place,
                                const char* text) {
  std::vector<WaitReason> table(size);
  table[place].text = text;
  return table;
}

}  // namespace

TEST_CASE("a version and the wait reasons of another disagree") {
  const auto of_21 = reasons(32, 31, "stopping the world");
  CHECK(check_version({.minor = 20}, of_21));
  CHECK(check_version({.minor = 21, .patch = 13}, of_21));
  const Status lying = check_version({.minor = 26, .patch = 8}, of_21);
  REQUIRE(!lying);
  CHECK(lying.error().code() == Errc::kCorrupt);
  CHECK(lying.error().message().find("Go 1.20 to 1.21") != std::string::npos);
  auto of_25 = reasons(47, 46, "cleanup wait");
  CHECK(check_version({.minor = 25}, of_25));
  CHECK(!check_version({.minor = 26}, of_25));
  of_25[19].text = "chan receive";  // so it is of 1.26 and 1.27
  CHECK(check_version({.minor = 26}, of_25));
  CHECK(!check_version({.minor = 25}, of_25));
}

TEST_CASE("reasons that nobody knows fit no version but one of the future") {
  CHECK(!check_version({.minor = 24}, {}));
  CHECK(!check_version({.minor = 27}, reasons(60, 3, "x")));
  CHECK(check_version({.minor = 28}, reasons(60, 3, "x")));
}

TEST_CASE("records that overlap, or are listed twice, are no list") {
  const std::vector<Piece> apart = {{1000, 400, 0}, {1400, 400, 1}};
  CHECK(check_apart(apart));
  CHECK(check_apart({}));
  const std::vector<Piece> twice = {{1000, 400, 0}, {1000, 400, 1}};
  CHECK(!check_apart(twice));
  const std::vector<Piece> overlap = {{1000, 400, 0}, {1399, 400, 1}};
  REQUIRE(!check_apart(overlap));
  CHECK(check_apart(overlap).error().code() == Errc::kCorrupt);
}

TEST_CASE("no more live than were created, unless the counter moved") {
  CHECK(check_created({.created = 10, .steady = true}, 10));
  CHECK(!check_created({.created = 10, .steady = true}, 11));
  CHECK(check_created({.created = 10, .steady = false}, 11));
  CHECK(!check_created({.created = kMaxCreated + 1, .steady = false}, 1));
}
