// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// A census that comes in parts says what it says in one piece, and one whose
// parts do not fit is believed no further.
#include "model/census_parts.h"

#include <doctest/doctest.h>

#include <optional>
#include <utility>
#include <vector>

#include "census_builder.h"

using namespace taskleak;
using namespace taskleak::test;

namespace {

/// The same census with one task a part; tables come with the first.
std::vector<Census> split(const Census& whole) {
  std::vector<Census> parts;
  for (std::size_t i = 0; i < whole.changed.size(); ++i) {
    Census part = i == 0 ? whole : Census{};
    part.part = static_cast<std::uint32_t>(i);
    part.last = i + 1 == whole.changed.size();
    part.full = whole.full;
    part.begin_ns = whole.begin_ns;
    part.end_ns = whole.end_ns;
    part.changed = {whole.changed[i]};
    part.unchanged = whole.unchanged;
    if (i > 0) {
      part.tables.first_frame = 2;
      part.tables.first_stack = 1;
      part.tables.first_reason = 2;
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

struct World {
  /// Folds all parts up to the first that is refused: its code.
  std::optional<Errc> fold(const std::vector<Census>& parts) {
    for (const Census& part : parts)
      if (const Status folded = table.fold_part(part); !folded)
        return folded.error().code();
    table.finish({}, {});
    return std::nullopt;
  }
  std::vector<Census> parts(std::int64_t second, bool full = false) {
    return split(script.epoch(second, full));
  }

  Script script;
  TaskTable table{go_target()};
};

/// Three tasks known, then a change of each in three parts.
World two_epochs(std::vector<Census>& second) {
  World w;
  for (std::uint32_t slot = 0; slot < 3; ++slot) w.script.task(slot, slot + 1);
  REQUIRE_FALSE(w.fold(w.parts(1)));
  for (std::uint32_t slot = 0; slot < 3; ++slot)
    w.script.task(slot, slot + 1, 2);
  second = w.parts(2);
  return w;
}

}  // namespace

TEST_CASE("a census in parts is one snapshot") {
  std::vector<Census> second;
  World w = two_epochs(second);
  CHECK(w.table.freeze(0)->tasks.size() == 3);
  CHECK_FALSE(w.fold(second));
  const auto s = w.table.freeze(0);
  CHECK(s->taken_ns == 2 * kSecond);
  CHECK(s->tasks.size() == 3);
  for (const Task& task : s->tasks) CHECK(task.run_count == 2);
  CHECK(s->counts.created - s->counts.finished == s->counts.tasks);
}

TEST_CASE("parts out of order, twice, or of another walk are refused") {
  const auto refused = [](auto spoil) {
    std::vector<Census> parts;
    World w = two_epochs(parts);
    spoil(parts);
    CHECK(w.fold(parts) == Errc::kCorrupt);
    // A full one mends it.
    for (std::uint32_t slot = 0; slot < 3; ++slot)
      w.script.task(slot, slot + 1, 3);
    CHECK_FALSE(w.fold(w.parts(3, true)));
  };
  using Parts = std::vector<Census>;
  refused([](Parts& p) { std::swap(p[1], p[2]); });
  refused([](Parts& p) {
    p[1] = p[0];
    p[1].part = 1;
  });
  refused([](Parts& p) { p.erase(p.begin()); });
  refused([](Parts& p) { p[1].begin_ns += 1; });
  refused([](Parts& p) { p[2].full = true; });
  refused([](Parts& p) { p[1].end_ns = p[1].begin_ns; });
  refused([](Parts& p) { p[1].changed[0].slot = 0; });
  refused([](Parts& p) { p[2].unchanged = 1; });
  refused([](Parts& p) { p[1].changed[0].stack = StackId{5}; });
}

TEST_CASE("after a census that was cut short only a full one is believed") {
  std::vector<Census> parts;
  World w = two_epochs(parts);
  REQUIRE(w.table.fold_part(parts[0]));
  w.script.task(0, 1, 3);
  CHECK(w.fold(w.parts(3)) == Errc::kCorrupt);
  for (std::uint32_t slot = 0; slot < 3; ++slot)
    w.script.task(slot, slot + 1, 3);
  w.script.task(3, 9);
  CHECK_FALSE(w.fold(w.parts(4, true)));
  const auto s = w.table.freeze(0);
  CHECK(s->tasks.size() == 4);
  CHECK(s->counts.created == 4);
}

TEST_CASE("collect() puts parts together as they were") {
  Script script;
  for (std::uint32_t slot = 0; slot < 5; ++slot) script.task(slot, slot + 1);
  const std::vector<Census> parts = split(script.epoch(1));
  const auto whole = collect([&](const CensusSink& sink) -> Status {
    for (const Census& part : parts) TRY(sink(part));
    return {};
  });
  REQUIRE(whole);
  CHECK(whole->changed.size() == 5);
  CHECK(whole->last);
  CHECK(whole->tables.frames.size() == 2);
  CHECK(collect([](const CensusSink&) -> Status {
          return fail(Errc::kGone, "gone");
        })
            .error()
            .code() == Errc::kGone);
}
