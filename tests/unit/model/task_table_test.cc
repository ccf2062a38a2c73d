// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
#include "model/task_table.h"

#include <doctest/doctest.h>

#include <map>
#include <span>
#include <vector>

#include "census_builder.h"

using namespace taskleak;
using namespace taskleak::test;

namespace {

using Source = WaitStartSource;

/// A table that folds the script's epochs, without events unless given.
struct World {
  explicit World(TargetInfo target = go_target()) : table(std::move(target)) {}

  std::shared_ptr<const Snapshot> epoch(std::int64_t second, bool full = false,
                                        const EventSummary& events = {},
                                        const ParkLookup& parks = {}) {
    const Status folded = table.fold(script.epoch(second, full), events, parks);
    REQUIRE_MESSAGE(folded.has_value(),
                    (folded ? "" : folded.error().message()));
    const auto snapshot = table.freeze(0);
    const Counts& counts = snapshot->counts;
    REQUIRE(counts.created - counts.finished == counts.tasks);
    return snapshot;
  }

  Script script;
  TaskTable table;
};

Task task(const Snapshot& s, std::uint64_t raw_id) {
  for (const Task& task : s.tasks)
    if (task.id.raw == raw_id) return task;
  FAIL("no such task");
  return {};
}

std::span<const StoredWait> waits_of(const Snapshot& s, std::uint64_t raw_id) {
  return s.tasks.waits(task(s, raw_id).place);
}

}  // namespace

TEST_CASE("a task that only the first census named is still there later") {
  World w;
  w.script.task(3, 17);
  w.epoch(1);
  const auto s = w.epoch(2);
  CHECK(s->epoch == 2);
  REQUIRE(s->tasks.size() == 1);
  CHECK(s->tasks[0].id.raw == 17);
  CHECK(s->counts.by_state[static_cast<int>(TaskState::kBlocked)] == 1);
  CHECK(s->counts.blocked_by_kind[static_cast<int>(WaitKind::kChannel)] == 1);
}

TEST_CASE(
    "a task that was parked in two walks with one run count did not run") {
  World w;
  w.script.task(0, 1);
  CHECK(task(*w.epoch(1), 1).ran_since_last);
  CHECK_FALSE(task(*w.epoch(2), 1).ran_since_last);
  w.script.task(0, 1, 2);
  CHECK(task(*w.epoch(3), 1).ran_since_last);
  w.script.task(0, 1, 2).state = TaskState::kRunnable;
  CHECK_FALSE(task(*w.epoch(4), 1).ran_since_last);
  w.script.task(0, 1, 2).state = TaskState::kRunning;
  CHECK(task(*w.epoch(5), 1).ran_since_last);
  CHECK(task(*w.epoch(6), 1).ran_since_last);
}

TEST_CASE("a wait that began between two walks keeps that start") {
  World w;
  w.script.task(0, 1).state = TaskState::kRunning;
  w.epoch(1);
  w.script.task(0, 1, 2);
  const WaitStart start = task(*w.epoch(2), 1).wait;
  CHECK(start == WaitStart{2 * kSecond + 10'000'000, kSecond + 10'000'000,
                           Source::kFirstSeen});
  CHECK(task(*w.epoch(9), 1).wait == start);
  w.script.task(0, 1, 3);
  CHECK(task(*w.epoch(10), 1).wait.start_ns > start.start_ns);
}

TEST_CASE("a wait found at attach is no older than the process") {
  TargetInfo target = go_target();
  World unknown(target);
  unknown.script.task(0, 1);
  CHECK(task(*unknown.epoch(5), 1).wait.uncertainty_ns == -1);
  target.start_monotonic_ns = 2 * kSecond;
  World known(target);
  known.script.task(0, 1);
  CHECK(task(*known.epoch(5), 1).wait.uncertainty_ns ==
        3 * kSecond + 10'000'000);
}

TEST_CASE("a bound that the runtime gives later tightens the wait") {
  World w;
  w.script.task(0, 1);
  w.epoch(5);
  w.script.next().bounds = {{0, 2 * kSecond, 3 * kSecond}};
  CHECK(task(*w.epoch(6), 1).wait ==
        WaitStart{2 * kSecond, kSecond, Source::kRuntime});
}

TEST_CASE("the park that a probe saw is the wait's exact start") {
  World w;
  EventSummary events;
  events.wait_since_ns = 1;
  std::map<std::uint64_t, EventPark> parks;
  const ParkLookup lookup = [&](std::uint64_t record) {
    const auto found = parks.find(record);
    return found == parks.end() ? std::nullopt : std::optional(found->second);
  };
  w.script.task(0, 1, 8);
  w.script.task(1, 2, 8);
  parks[0xc000000000] = {kSecond / 2, 1, kReceive.value, 7};
  parks[0xc000000200] = {kSecond / 2, 2, kReceive.value, 6};
  const auto s = w.epoch(1, false, events, lookup);
  CHECK(task(*s, 1).wait == WaitStart{kSecond / 2, 0, Source::kEvent});
  CHECK(task(*s, 2).wait.source == Source::kFirstSeen);
}

TEST_CASE("parks that there was no time to ask for are asked for later") {
  World w;
  EventSummary events;
  events.wait_since_ns = 1;
  std::size_t asked = 0;
  const ParkLookup lookup = [&](std::uint64_t record) {
    ++asked;
    const std::uint64_t slot = (record - 0xc000000000) / 512;
    return std::optional(EventPark{kSecond / 2, slot + 1, kReceive.value, 0});
  };
  const auto many = static_cast<std::uint32_t>(TaskTable::kMaxParkLookups + 10);
  for (std::uint32_t slot = 0; slot < many; ++slot)
    w.script.task(slot, slot + 1);
  w.epoch(1, false, events, lookup);
  CHECK(asked == TaskTable::kMaxParkLookups);
  const auto s = w.epoch(2, false, events, lookup);
  CHECK(asked == many);
  for (const Task& t : s->tasks) REQUIRE(t.wait.source == Source::kEvent);
}

TEST_CASE("ended tasks go, their slot may begin a new life") {
  World w;
  w.script.task(0, 1);
  w.script.task(1, 2);
  w.script.next().totals = {.created = 2, .created_exact = true};
  w.epoch(1);
  w.script.end(0);
  w.script.task(1, 9).new_life = true;
  w.script.next().totals = {.created = 3, .created_exact = true};
  const auto s = w.epoch(2);
  REQUIRE(s->tasks.size() == 1);
  CHECK((*s->tasks.begin()).id.raw == 9);
  CHECK(s->counts.created == 3);
  CHECK(s->counts.finished == 2);
}

TEST_CASE("a raw id that begins a new life is another task") {
  World w;
  w.script.task(0, 7);
  const TaskId before = task(*w.epoch(1), 7).id;
  w.script.task(0, 7).new_life = true;
  CHECK(task(*w.epoch(2), 7).id != before);
}

TEST_CASE("a torn task lives on, but nothing is believed of it") {
  World w;
  w.script.task(0, 1);
  w.epoch(1);
  w.script.tear(0);
  w.script.tear(5);
  const auto torn = w.epoch(2);
  REQUIRE(torn->tasks.size() == 1);
  CHECK(torn->tasks[0].torn);
  CHECK(torn->tasks[0].state == TaskState::kUnknown);
  CHECK(torn->counts.tasks == 1);
  CHECK(torn->counts.uncertainty == 2);
  CHECK_FALSE(torn->coverage.complete);
  const auto whole = w.epoch(3);
  CHECK_FALSE(whole->tasks[0].torn);
  CHECK(whole->tasks[0].state == TaskState::kBlocked);
  CHECK(whole->coverage.complete);
  CHECK(whole->coverage.torn_tasks_total == 2);
}

TEST_CASE("after a torn walk a new wait may date from before it") {
  World w;
  w.script.task(0, 1).state = TaskState::kRunning;
  w.epoch(1);
  w.script.tear(0);
  w.epoch(2);
  w.script.task(0, 1, 2);
  const WaitStart wait = task(*w.epoch(3), 1).wait;
  CHECK(wait.start_ns - wait.uncertainty_ns == kSecond);
}

TEST_CASE("system tasks are counted apart and belong to no site") {
  World w;
  w.script.task(0, 1);
  w.script.task(1, 2).system = true;
  w.script.next().totals = {.created = 12, .created_exact = true};
  const auto s = w.epoch(1);
  CHECK(s->counts.tasks == 1);
  CHECK(s->counts.system_tasks == 1);
  CHECK(s->counts.created == 11);
  REQUIRE(s->sites.size() == 1);
  CHECK(s->sites[0].tasks == 1);
  CHECK_FALSE(task(*s, 2).site.valid());
}

TEST_CASE("a full census keeps what is known of the tasks it finds again") {
  World w;
  w.script.task(0, 1);
  w.script.task(1, 2);
  const WaitStart before = task(*w.epoch(1), 1).wait;
  // Another child: other slots, and task 2 is gone.
  w.script = Script();
  w.script.task(8, 1);
  w.script.task(9, 3);
  const auto s = w.epoch(5, true);
  CHECK(s->tasks.size() == 2);
  CHECK(task(*s, 1).wait == before);
  CHECK_FALSE(task(*s, 1).ran_since_last);
  CHECK(s->counts.created == 3);
  CHECK(s->counts.finished == 1);
}

TEST_CASE("sites: most tasks first, joined with what events counted") {
  World w;
  for (std::uint32_t slot = 0; slot < 3; ++slot) w.script.task(slot, slot + 1);
  w.script.task(3, 4).reason = kSleep;
  w.script.next().named_pcs = {{0x1000, kServe}};
  EventSummary events;
  events.sites = {{0x1000, 50, 46}, {0x2000, 7, 7}};
  events.waits = {{0x1000, kReceive.value, {.count = 5, .buckets = {}}},
                  {0x2000, kReceive.value, {.count = 9, .buckets = {}}}};
  const auto s = w.epoch(1, false, events);
  REQUIRE(s->sites.size() == 2);
  CHECK(s->sites[0].tasks == 3);
  CHECK(s->sites[0].blocked_at == kWorker);
  CHECK(s->sites[0].created == 50);
  CHECK(s->sites[0].finished == 46);
  CHECK(s->sites[1].reason == kSleep);
  CHECK(task(*s, 4).site == SiteId{1});
  REQUIRE(s->wait_series.size() == 1);
  CHECK(s->wait_series[0].histogram.count == 5);
  CHECK(w.table.pcs_to_name(events) == std::vector<std::uint64_t>{0x2000});
}

TEST_CASE("a site keeps its id in another run, whatever its frames' ids") {
  World one;
  one.script.task(0, 1);
  World two;
  two.script.task(0, 99);
  const auto a = one.epoch(1);
  const auto b = two.epoch(1);
  CHECK(a->sites[0].id == b->sites[0].id);
  CHECK(a->sites[0].id.size() == 12);
}

TEST_CASE("wait objects come and go with those who wait") {
  World w;
  const ObjectRef queue{0x10, WaitKind::kChannel};
  w.script.task(0, 1).waits_on = {queue};
  w.script.task(1, 2).waits_on = {queue, {0x20, WaitKind::kChannel}};
  w.script.next().objects = {{.ref = queue, .capacity = 4}};
  const auto both = w.epoch(1);
  REQUIRE(waits_of(*both, 2).size() == 2);
  CHECK(waits_of(*both, 1)[0].object().capacity == 4);
  CHECK(waits_of(*both, 2)[0].object().capacity == 4);
  CHECK(waits_of(*both, 2)[1].object().capacity == -1);
  w.script.end(1);
  const auto one = w.epoch(2);
  CHECK(waits_of(*one, 1)[0].ref() == queue);
  w.script.task(0, 1, 2).state = TaskState::kRunning;
  CHECK(waits_of(*w.epoch(3), 1).empty());
  CHECK(waits_of(*both, 2).size() == 2);
}

TEST_CASE("snapshots stay as they were while the table goes on") {
  World w;
  w.script.task(0, 1).waits_on = {{0x10, WaitKind::kChannel}};
  const auto first = w.epoch(1);
  w.script.next().tables.frames = {{"main.new", "", 1, {}}};
  w.script.end(0);
  const auto second = w.epoch(2);
  CHECK(first->tables->frames.size() == 2);
  CHECK(second->tables->frames.size() == 3);
  CHECK(first->tasks.size() == 1);
  CHECK(second->tasks.empty());
}

TEST_CASE("lost events and an oracle that disagrees make coverage incomplete") {
  World w;
  w.script.task(0, 1);
  EventSummary events;
  events.lost = {{"site_map_full", 3}};
  CHECK_FALSE(w.epoch(1, false, events)->coverage.complete);
  CHECK(w.epoch(2, false, events)->coverage.complete);
  w.script.next().totals.oracle_live = 10;
  const auto s = w.epoch(3, false, events);
  CHECK_FALSE(s->coverage.complete);
  REQUIRE(s->coverage.notes.size() == 1);
}

TEST_CASE("a table that shrinks from many tasks keeps the survivors") {
  World w;
  constexpr std::uint32_t kMany = 5000;
  for (std::uint32_t slot = 0; slot < kMany; ++slot)
    w.script.task(slot, slot + 1).waits_on = {{slot + 1U, WaitKind::kChannel}};
  const auto before = w.epoch(1);
  for (std::uint32_t slot = 0; slot < kMany; ++slot)
    if (slot % 1000 != 7) w.script.end(slot);
  const auto s = w.epoch(2);
  REQUIRE(s->tasks.size() == 5);
  CHECK(s->tasks.places() == 5);
  CHECK(s->tasks.order() != before->tasks.order());
  for (const Task& t : s->tasks)
    CHECK(s->tasks.waits(t.place)[0].ref().address == t.id.raw);
  w.script.task(7, 8, 2).waits_on = {{1, {}}, {2, {}}};
  CHECK(waits_of(*w.epoch(3), 8).size() == 2);
  CHECK(waits_of(*s, 8).size() == 1);
  CHECK(before->tasks.size() == kMany);
}

TEST_CASE("a count without tasks: all of them unknown, nothing else known") {
  TaskTable table(go_target());
  Census census;
  census.full = census.count_only = true;
  census.begin_ns = kSecond;
  census.end_ns = 2 * kSecond;
  census.totals.oracle_live = 7;
  census.totals.created_during_walk = 2;
  const auto refused = [&] {
    const Status folded = table.fold(census, {}, {});
    return folded ? Errc::kOs : folded.error().code();
  };
  SUBCASE("is frozen as such") {
    for (int i = 0; i < 2; ++i) {
      REQUIRE(table.fold(census, {}, {}).has_value());
      const auto s = table.freeze(0);
      CHECK(s->counts.count_only);
      CHECK(s->counts.tasks == 7);
      CHECK(s->counts.uncertainty == 2);
      CHECK(s->counts.by_state[static_cast<int>(TaskState::kUnknown)] == 7);
      CHECK(s->tasks.empty());
      CHECK_FALSE(s->coverage.complete);
    }
  }
  SUBCASE("is refused with a list of tasks") {
    census.changed.emplace_back();
    CHECK(refused() == Errc::kCorrupt);
  }
  SUBCASE("is refused when it claims to know more") {
    census.totals.created_exact = true;
    CHECK(refused() == Errc::kCorrupt);
  }
  SUBCASE("is refused without a count, or with an absurd one") {
    census.totals.oracle_live = -1;
    CHECK(refused() == Errc::kCorrupt);
    census.totals.oracle_live = std::int64_t{1} << 40;
    CHECK(refused() == Errc::kLimit);
  }
}
