// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Walks over a made-up Go program: what is listed, what a second walk says,
// and what records that change, end or lie do to it.
#include "probes/go/census.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/go/fake_world.h"

using namespace taskleak;

namespace {

const std::vector<std::string> kReceiving = {
    "runtime.gopark", "runtime.chanrecv1", "main.worker"};

/// A goroutine that waits to receive from a channel of its own.
std::size_t add_receiver(FakeWorld& world, std::uint64_t goid) {
  const std::size_t n = world.add(goid);
  world.park(n, FakeWorld::kReceive, kReceiving);
  const std::uint64_t at = FakeWorld::kHeap + n * 0x1000;
  world.sudog(at, n, at + 0x200, 0);
  world.channel(at + 0x200, 4, 0);
  world.set_word(n, world.layout.g.waiting, at);
  return n;
}

const CensusTask* find(const Census& census, std::uint64_t goid) {
  const auto found =
      std::ranges::find(census.changed, goid, &CensusTask::raw_id);
  return found == census.changed.end() ? nullptr : &*found;
}

std::vector<std::string> names(const Census& census, StackId stack) {
  std::vector<std::string> result;
  if (!stack.valid()) return result;
  for (const FrameId frame : census.tables.stacks[stack.value])
    result.push_back(census.tables.frames[frame.value].function);
  return result;
}

}  // namespace

TEST_CASE("a parked goroutine is listed with all that is known of it") {
  FakeWorld world;
  add_receiver(world, 7);
  const Census census = world.census().take({}).value();
  CHECK(census.full);
  REQUIRE(census.changed.size() == 1);
  const CensusTask& task = census.changed[0];
  CHECK(task.state == TaskState::kBlocked);
  CHECK(task.raw_id == 7);
  CHECK(task.parent_raw_id == 1);
  CHECK(task.new_life);
  CHECK_FALSE(task.system);
  CHECK(census.tables.reasons[task.reason.value].text == "chan receive");
  CHECK(census.tables.frames[task.created_at.value].function == "main.create");
  CHECK(names(census, task.stack) == kReceiving);
  const ObjectRef channel{FakeWorld::kHeap + 0x200, WaitKind::kChannel};
  CHECK(task.waits_on == std::vector{channel});
  REQUIRE(census.objects.size() == 1);
  CHECK(census.objects[0].ref == channel);
  CHECK(census.objects[0].capacity == 4);
  CHECK(census.objects[0].closed == 0);
  CHECK(census.torn.empty());
}

TEST_CASE("whose code a frame is follows from its package and file") {
  FakeWorld world;
  add_receiver(world, 7);
  const Census census = world.census().take({}).value();
  for (const Frame& frame : census.tables.frames)
    CHECK(frame.owner == (frame.function.starts_with("runtime.")
                              ? FrameOwner::kRuntime
                              : FrameOwner::kUser));
}

TEST_CASE("goroutines of the runtime are marked, main is none of them") {
  FakeWorld world;
  const std::size_t own = world.add(2);
  const std::size_t main = world.add(1);
  world.set_word(own, world.layout.g.startpc, world.code.at("runtime.bgsweep"));
  world.set_word(main, world.layout.g.startpc, world.code.at("runtime.main"));
  const Census census = world.census().take({}).value();
  CHECK(find(census, 2)->system);
  CHECK_FALSE(find(census, 1)->system);
}

TEST_CASE("a second walk tells only what ran") {
  FakeWorld world;
  const std::size_t idle = add_receiver(world, 7);
  const std::size_t busy = add_receiver(world, 8);
  GoCensus walk = world.census();
  CHECK(walk.take({})->changed.size() == 2);

  world.ran(busy);
  Census census = walk.take({}).value();
  CHECK_FALSE(census.full);
  CHECK(census.unchanged == 1);
  REQUIRE(census.changed.size() == 1);
  CHECK(census.changed[0].raw_id == 8);
  CHECK_FALSE(census.changed[0].new_life);
  CHECK(census.tables.frames.empty());

  SUBCASE("nothing, when nothing did") {
    census = walk.take({}).value();
    CHECK(census.changed.empty());
    CHECK(census.unchanged == 2);
  }
  SUBCASE("an end") {
    world.set_status(idle, kGDead);
    census = walk.take({}).value();
    CHECK(census.ended == std::vector{std::uint32_t{0}});
    CHECK(census.unchanged == 1);
    CHECK(walk.take({})->ended.empty());
  }
  SUBCASE("another life in the same record") {
    world.set_word(idle, world.layout.g.goid, 9);
    census = walk.take({}).value();
    REQUIRE(census.changed.size() == 1);
    CHECK(census.changed[0].new_life);
    CHECK(census.changed[0].raw_id == 9);
  }
  SUBCASE("a new one behind the known") {
    add_receiver(world, 10);
    census = walk.take({}).value();
    REQUIRE(census.changed.size() == 1);
    CHECK(census.changed[0].slot == 2);
  }
  SUBCASE("all of them again, when asked") {
    census = walk.take({.full = true, .name_pcs = {}}).value();
    CHECK(census.full);
    CHECK(census.changed.size() == 2);
    CHECK_FALSE(census.tables.frames.empty());
  }
}

TEST_CASE("a goroutine that runs during the walk is tried again") {
  FakeWorld world;
  const std::size_t n = add_receiver(world, 7);
  MovingMemory moving(world.memory);
  GoCensus walk = world.census_of(moving);
  int reads = 0;
  SUBCASE("and believed once it stands still") {
    moving.before_read = [&] {
      if (++reads < 25) world.ran(n);
    };
    const Census census = walk.take({}).value();
    CHECK(census.changed.size() == 1);
    CHECK(census.torn.empty());
  }
  SUBCASE("and called torn when it never does") {
    moving.before_read = [&] { world.ran(n); };
    Census census = walk.take({}).value();
    CHECK(census.changed.empty());
    CHECK(census.torn == std::vector{std::uint32_t{0}});
    moving.before_read = nullptr;
    census = walk.take({}).value();
    CHECK(census.changed.size() == 1);
    CHECK(census.torn.empty());
  }
  SUBCASE("and dropped when it ends meanwhile") {
    moving.before_read = [&] {
      if (++reads == 20) world.set_status(n, kGDead);
    };
    const Census census = walk.take({}).value();
    CHECK(census.changed.empty());
    CHECK(census.torn.empty());
    CHECK(census.ended.empty());  // nobody was told that it lived
  }
}

TEST_CASE("a record that cannot be read is torn, not ended") {
  FakeWorld world;
  add_receiver(world, 7);
  add_receiver(world, 8);
  GoCensus walk = world.census();
  CHECK(walk.take({}));
  world.memory.unmap(Addr{world.g(0)}, world.layout.g.size);
  const Census census = walk.take({}).value();
  CHECK(census.torn == std::vector{std::uint32_t{0}});
  CHECK(census.ended.empty());
  CHECK(census.unchanged == 1);
}

TEST_CASE("a list that cannot be one is refused") {
  FakeWorld world;
  add_receiver(world, 7);
  GoCensus walk = world.census();
  SUBCASE("too long") {
    world.memory.set_value(world.globals.allglen, kMaxGoroutines + 1);
    CHECK(walk.take({}).error().code() == Errc::kLimit);
  }
  SUBCASE("longer than its memory") {
    world.memory.set_value(world.globals.allglen, std::uint64_t{1 << 20});
    CHECK(walk.take({}).error().code() == Errc::kFault);
  }
  SUBCASE("shorter than before; the next walk is a first one") {
    CHECK(walk.take({}));
    world.memory.set_value(world.globals.allglen, std::uint64_t{0});
    CHECK(walk.take({}).error().code() == Errc::kCorrupt);
    world.memory.set_value(world.globals.allglen, std::uint64_t{1});
    CHECK(walk.take({})->full);
  }
  SUBCASE("of a process that has ended") {
    world.memory.fail_all(Errc::kGone);
    CHECK(walk.take({}).error().code() == Errc::kGone);
  }
  SUBCASE("after the deadline") {
    CHECK(walk.take({.deadline_ns = 1, .name_pcs = {}}).error().code() ==
          Errc::kTimeout);
  }
}

TEST_CASE("records that do not name themselves mean a wrong layout") {
  FakeWorld world;
  for (std::uint64_t id = 1; id <= 4; ++id) {
    const std::size_t n = add_receiver(world, id);
    world.set_word(n, world.layout.g.sched + world.layout.gobuf.g, 0x1234);
  }
  const auto census = world.census().take({});
  REQUIRE_FALSE(census);
  CHECK(census.error().code() == Errc::kCorrupt);
  CHECK(census.error().message().find("layout does not fit") !=
        std::string::npos);
}

TEST_CASE("a processor that is not its own index means a wrong layout") {
  FakeWorld world;
  add_receiver(world, 7);
  world.memory.set_value(Addr{0x900000 + world.layout.p.id}, 5);
  CHECK(world.census().take({}).error().code() == Errc::kCorrupt);
}

TEST_CASE("created is what was drawn less what processors still hold") {
  FakeWorld world;
  add_receiver(world, 7);
  const auto& p = world.layout.p;
  world.memory.set_value(world.globals.sched + world.layout.schedt.goidgen,
                         std::uint64_t{1040});
  world.memory.set_value(Addr{0x900000 + p.goidcache}, std::uint64_t{1018});
  world.memory.set_value(Addr{0x900000 + p.goidcacheend}, std::uint64_t{1030});
  const Census census = world.census().take({}).value();
  CHECK(census.totals.created == 1028);
  CHECK(census.totals.oracle_live == 1);
}

TEST_CASE("a processor that has just drawn ids holds all of them") {
  FakeWorld world;
  add_receiver(world, 7);
  const auto& p = world.layout.p;
  world.memory.set_value(world.globals.sched + world.layout.schedt.goidgen,
                         std::uint64_t{1040});
  world.memory.set_value(Addr{0x900000 + p.goidcache}, std::uint64_t{1025});
  world.memory.set_value(Addr{0x900000 + p.goidcacheend}, std::uint64_t{900});
  CHECK(world.census().take({}).value().totals.created == 1024);
}

TEST_CASE("a processor that holds ids nobody drew means a wrong layout") {
  FakeWorld world;
  add_receiver(world, 7);
  const auto& p = world.layout.p;
  world.memory.set_value(world.globals.sched + world.layout.schedt.goidgen,
                         std::uint64_t{1040});
  const auto hold = [&](std::uint64_t next, std::uint64_t end) {
    world.memory.set_value(Addr{0x900000 + p.goidcache}, next);
    world.memory.set_value(Addr{0x900000 + p.goidcacheend}, end);
    return world.census().take({}).error().code();
  };
  CHECK(hold(1042, 900) == Errc::kCorrupt);   // beyond goidgen
  CHECK(hold(1000, 1017) == Errc::kCorrupt);  // more than a batch
}

TEST_CASE("a saved stack pointer outside of its stack is not followed") {
  FakeWorld world;
  const std::size_t n = add_receiver(world, 7);
  world.set_word(n, world.layout.g.sched + world.layout.gobuf.sp, 0x10);
  const Census census = world.census().take({}).value();
  CHECK(census.changed.empty());
  CHECK(census.torn.size() == 1);
}

TEST_CASE("frames that lead out of the stack end the walk there") {
  FakeWorld world;
  const std::size_t n = world.add(7);
  world.park(n, FakeWorld::kSleep, {"runtime.gopark", "main.worker"});
  // The caller of main.worker would be one whose frame passes the end.
  world.memory.set_value(Addr{world.frame(1) + 0x30},
                         world.code.at("main.big") + 0x10);
  const Census census = world.census().take({}).value();
  REQUIRE(census.changed.size() == 1);
  CHECK(names(census, census.changed[0].stack) ==
        std::vector<std::string>{"runtime.gopark", "main.worker", "main.big"});
}

TEST_CASE("a walk goes through a call back from C, not other switches") {
  FakeWorld world;
  std::vector<std::string> functions = {"runtime.gopark", "main.worker",
                                        "runtime.cgocallback", "main.create"};
  SUBCASE("a call back") {}
  SUBCASE("another switch of stacks") { functions[2] = "runtime.switches"; }
  world.park(world.add(7), FakeWorld::kSleep, functions);
  const Census census = world.census().take({}).value();
  REQUIRE(census.changed.size() == 1);
  if (functions[2] == "runtime.switches") functions.pop_back();
  CHECK(names(census, census.changed[0].stack) == functions);
}

TEST_CASE("a stack is read as far as it goes, up to a bound") {
  FakeWorld world;
  const std::size_t n = world.add(7);
  std::vector<std::string> functions = {"runtime.gopark", "main.big"};
  SUBCASE("beyond the first read") {
    functions.insert(functions.end(), 60, "main.worker");
    world.park(n, FakeWorld::kSleep, functions);
    const Census census = world.census().take({}).value();
    CHECK(names(census, census.changed[0].stack) == functions);
    CHECK(census.notes.empty());
  }
  SUBCASE("and is cut with a note when it is deeper") {
    functions.insert(functions.end(), 200, "main.worker");
    world.park(n, FakeWorld::kSleep, functions);
    const Census census = world.census().take({}).value();
    CHECK(names(census, census.changed[0].stack).size() ==
          StackTrie::kMaxFrames);
    CHECK(census.notes.size() == 1);
  }
}

TEST_CASE("asked addresses are named") {
  FakeWorld world;
  add_receiver(world, 7);
  const std::uint64_t pc = world.code.at("main.create") + 0x10;
  const Census census = world.census().take({.name_pcs = {pc, 0xdead}}).value();
  REQUIRE(census.named_pcs.size() == 2);
  CHECK(census.named_pcs[0].second == census.changed[0].created_at);
  CHECK_FALSE(census.named_pcs[1].second.valid());
}
