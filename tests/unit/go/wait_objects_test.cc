// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// What goroutines of a made-up program wait for, in both forms that Go's
// runtime has had, and that nothing is believed which does not name its owner.
#include "probes/go/wait_objects.h"

#include <doctest/doctest.h>

#include "tests/unit/go/fake_world.h"

using namespace taskleak;

namespace {

constexpr std::uint64_t kSudog = FakeWorld::kHeap + 0x10000;
constexpr std::uint64_t kObject = FakeWorld::kHeap + 0x20000;
const std::vector<std::string> kLocking = {
    "runtime.gopark", "runtime.semacquire1", "main.worker"};

/// What the only goroutine waits on.
std::vector<ObjectRef> waits_on(FakeWorld& world) {
  const Census census = world.census().take({}).value();
  REQUIRE(census.changed.size() == 1);
  return census.changed[0].waits_on;
}

/// A goroutine that waits for the semaphore at `semaphore`, as 1.18 to 1.25
/// keep it: the sudog stands in semacquire1's frame only.
void lock_of_125(FakeWorld& world, FakeWorld::Reason reason,
                 const std::vector<std::string>& functions,
                 std::uint64_t semaphore) {
  const std::size_t n = world.add(7);
  world.park(n, reason, functions);
  world.sudog(kSudog, n, 0, semaphore);
  world.memory.set_value(Addr{world.frame(1) + 0x18}, kSudog);
}

}  // namespace

TEST_CASE("a select waits on the channel of each of its cases") {
  FakeWorld world;
  const std::size_t n = world.add(7);
  world.park(n, FakeWorld::kSelect, {"runtime.gopark", "main.worker"});
  world.set_word(n, world.layout.g.waiting, kSudog);
  world.sudog(kSudog, n, kObject, 0, kSudog + 0x100);
  world.sudog(kSudog + 0x100, n, kObject + 0x100, 0);
  world.channel(kObject, 0, 0);
  world.channel(kObject + 0x100, 0, 0);
  CHECK(waits_on(world) ==
        std::vector<ObjectRef>{{kObject, WaitKind::kChannel},
                               {kObject + 0x100, WaitKind::kChannel}});
}

TEST_CASE("a list of cases that bites its tail is followed to the bound") {
  FakeWorld world;
  const std::size_t n = world.add(7);
  world.park(n, FakeWorld::kSelect, {"runtime.gopark", "main.worker"});
  world.set_word(n, world.layout.g.waiting, kSudog);
  world.sudog(kSudog, n, kObject, 0, kSudog);
  world.channel(kObject, 0, 0);
  const Census census = world.census().take({}).value();
  CHECK(census.changed[0].waits_on.size() == 1);
  CHECK(census.notes.size() == 1);
}

TEST_CASE("a select that sends and receives on a channel waits on it once") {
  FakeWorld world;
  const std::size_t n = world.add(7);
  world.park(n, FakeWorld::kSelect, {"runtime.gopark", "main.worker"});
  world.set_word(n, world.layout.g.waiting, kSudog);
  world.sudog(kSudog, n, kObject, 0, kSudog + 0x100);
  world.sudog(kSudog + 0x100, n, kObject, 0);
  world.channel(kObject, 0, 0);
  CHECK(waits_on(world) ==
        std::vector<ObjectRef>{{kObject, WaitKind::kChannel}});
}

TEST_CASE("a sudog of another goroutine is not believed") {
  FakeWorld world;
  const std::size_t n = world.add(7);
  world.park(n, FakeWorld::kReceive, {"runtime.gopark", "main.worker"});
  world.set_word(n, world.layout.g.waiting, kSudog);
  world.sudog(kSudog, 5, kObject, 0);
  const Census census = world.census().take({}).value();
  CHECK(census.changed.empty());
  CHECK(census.torn.size() == 1);
}

TEST_CASE("a channel whose numbers cannot be is listed without them") {
  FakeWorld world;
  const std::size_t n = world.add(7);
  world.park(n, FakeWorld::kReceive, {"runtime.gopark", "main.worker"});
  world.set_word(n, world.layout.g.waiting, kSudog);
  world.sudog(kSudog, n, kObject, 0);
  world.channel(kObject, 2, 9);
  const Census census = world.census().take({}).value();
  REQUIRE(census.objects.size() == 1);
  CHECK(census.objects[0].capacity == -1);
}

TEST_CASE("a lock is named by its own address, not its semaphore's") {
  struct Case {
    FakeWorld::Reason reason;
    std::uint64_t offset;
    WaitKind kind;
    std::vector<std::string> functions;
  };
  const Case cases[] = {
      {FakeWorld::kMutexLock, 4, WaitKind::kMutex, kLocking},
      {FakeWorld::kRLock, 12, WaitKind::kRwMutex, kLocking},
      {FakeWorld::kWaitGroup, 8, WaitKind::kWaitGroup, kLocking},
      {FakeWorld::kSemacquire, 0, WaitKind::kSemaphore, kLocking},
      // An RWMutex takes its inner Mutex first.
      {FakeWorld::kMutexLock,
       4,
       WaitKind::kRwMutex,
       {"runtime.gopark", "runtime.semacquire1", "sync.(*RWMutex).Lock"}},
      // Up to 1.23 a WaitGroup has the reason of any semaphore.
      {FakeWorld::kSemacquire,
       8,
       WaitKind::kWaitGroup,
       {"runtime.gopark", "runtime.semacquire1", "sync.(*WaitGroup).Wait"}},
  };
  for (const Case& c : cases) {
    const std::vector<ObjectRef> wanted{{kObject, c.kind}};
    {
      FakeWorld world({25, 4});
      lock_of_125(world, c.reason, c.functions, kObject + c.offset);
      CHECK(waits_on(world) == wanted);
    }
    FakeWorld world({26, 8});
    const std::size_t n = world.add(7);
    world.park(n, c.reason, c.functions);
    world.sudog(kSudog, n, 0, kObject + c.offset);
    world.set_word(n, world.layout.g.waiting, kSudog);
    CHECK(waits_on(world) == wanted);
  }
}

TEST_CASE("a stale sudog in a frame is no object, and that is said") {
  FakeWorld world({25, 4});
  SUBCASE("of another goroutine") {
    lock_of_125(world, FakeWorld::kMutexLock, kLocking, kObject);
    world.memory.set_value(Addr{kSudog + world.layout.sudog.g}, world.g(3));
  }
  SUBCASE("one that waits for nothing any more") {
    lock_of_125(world, FakeWorld::kMutexLock, kLocking, 0);
  }
  SUBCASE("one of a channel") {
    lock_of_125(world, FakeWorld::kMutexLock, kLocking, kObject);
    world.memory.set_value(Addr{kSudog + world.layout.sudog.c}, kObject);
  }
  const Census census = world.census().take({}).value();
  REQUIRE(census.changed.size() == 1);
  CHECK(census.changed[0].waits_on.empty());
  CHECK(census.notes.size() == 1);
}

TEST_CASE("a Cond is found when it knows its own address") {
  const std::vector<std::string> functions = {
      "runtime.gopark", "sync.runtime_notifyListWait", "sync.(*Cond).Wait",
      "main.worker"};
  FakeWorld world({25, 4});
  const std::size_t n = world.add(7);
  world.park(n, FakeWorld::kCondWait, functions);
  world.memory.set_zero(Addr{kObject}, 0x40);
  SUBCASE("kept in Wait's frame") {
    world.memory.set_value(Addr{world.frame(2) + 0x10}, kObject);
    world.memory.set_value(Addr{kObject + 48}, kObject + 48);
    CHECK(waits_on(world) ==
          std::vector<ObjectRef>{{kObject, WaitKind::kCond}});
  }
  SUBCASE("spilled behind the return address") {
    world.memory.set_value(Addr{world.frame(3)}, kObject);
    world.memory.set_value(Addr{kObject + 48}, kObject + 48);
    CHECK(waits_on(world) ==
          std::vector<ObjectRef>{{kObject, WaitKind::kCond}});
  }
  SUBCASE("not without that proof") {
    world.memory.set_value(Addr{world.frame(2) + 0x10}, kObject);
    CHECK(waits_on(world).empty());
  }
}

TEST_CASE("a network wait names the descriptor and its deadline") {
  FakeWorld world;
  const auto& at = world.layout.poll_desc;
  const std::size_t n = world.add(7);
  world.park(n, FakeWorld::kIo,
             {"runtime.gopark", "runtime.netpollblock", "main.worker"});
  world.memory.set_zero(Addr{kObject - 0x100}, 0x400);
  world.memory.set_value(Addr{kObject + at.self}, kObject);
  world.memory.set_value(Addr{kObject + at.fd}, std::uint64_t{17});
  world.memory.set_value(Addr{kObject + at.wg}, world.g(n));
  world.memory.set_value(Addr{kObject + at.wd}, std::int64_t{123456789});
  SUBCASE("by a pointer to its half") {
    world.memory.set_value(Addr{world.frame(1) + 8}, kObject + at.wg);
  }
  SUBCASE("by a pointer to the whole") {
    world.memory.set_value(Addr{world.frame(1) + 8}, kObject);
  }
  const Census census = world.census().take({}).value();
  REQUIRE(census.changed.size() == 1);
  CHECK(census.changed[0].waits_on ==
        std::vector<ObjectRef>{{17, WaitKind::kFd}});
  CHECK(census.changed[0].deadline_ns == 123456789);
}

TEST_CASE("a sleep ends when its record says") {
  FakeWorld world;
  const std::size_t n = world.add(7);
  world.park(n, FakeWorld::kSleep, {"runtime.gopark", "main.worker"});
  world.set_word(n, world.layout.g.timer, kObject);
  world.set_word(n, world.layout.g.sleep_when, 5'000'000'000);
  const Census census = world.census().take({}).value();
  CHECK(census.changed[0].deadline_ns == 5'000'000'000);
  CHECK(census.changed[0].waits_on ==
        std::vector<ObjectRef>{{kObject, WaitKind::kTimer}});
}

TEST_CASE("up to 1.19 the frames tell which lock a semaphore is of") {
  struct Case {
    std::vector<std::string> frames;
    ObjectRef object;
  };
  const Case cases[] = {
      {{"sync.(*Mutex).lockSlow"}, {kObject - 4, WaitKind::kMutex}},
      {{"sync.(*Mutex).lockSlow", "sync.(*RWMutex).Lock"},
       {kObject - 4, WaitKind::kRwMutex}},
      {{"sync.(*RWMutex).Lock"}, {kObject - 8, WaitKind::kRwMutex}},
      {{"sync.(*RWMutex).RLock"}, {kObject - 12, WaitKind::kRwMutex}},
      {{"sync.(*WaitGroup).Wait"}, {kObject - 8, WaitKind::kWaitGroup}},
      {{}, {kObject, WaitKind::kSemaphore}},
  };
  for (const Case& it : cases) {
    FakeWorld world({19, 13});
    std::vector<std::string> stack{"runtime.gopark", "runtime.semacquire1"};
    stack.insert(stack.end(), it.frames.begin(), it.frames.end());
    stack.emplace_back("main.worker");
    lock_of_125(world, FakeWorld::kSemacquire, stack, kObject);
    CAPTURE(stack[2]);
    CHECK(waits_on(world) == std::vector<ObjectRef>{it.object});
  }
}
