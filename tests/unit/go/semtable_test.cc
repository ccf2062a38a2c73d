// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// A made-up semtable: treaps and lists of waiters, whole and broken; and that
// a census turns to it where a frame has no sudog.
#include "probes/go/semtable.h"

#include <doctest/doctest.h>

#include "tests/unit/go/fake_world.h"

using namespace taskleak;

namespace {

constexpr std::uint64_t kTable = 0x600000;
constexpr std::uint64_t kSudogs = FakeWorld::kHeap + 0x10000;
constexpr std::uint64_t kMutex = FakeWorld::kHeap + 0x20000;
const std::vector<std::string> kLocking = {
    "runtime.gopark", "runtime.semacquire1", "main.worker"};

struct Scene {
  FakeWorld world{{25, 4}};

  Scene() {
    world.globals.semtable = Addr{kTable};
    world.memory.set_zero(Addr{kTable}, SemTable::kTableBytes);
  }
  std::uint64_t at(std::size_t i) const { return kSudogs + i * 0x100; }
  /// Sudog `i` of goroutine `n`, for the semaphore at `semaphore`.
  void sudog(std::size_t i, std::size_t n, std::uint64_t semaphore) {
    world.sudog(at(i), n, 0, semaphore);
  }
  void link(std::size_t from, std::uint32_t field, std::size_t to) {
    world.memory.set_value(Addr{at(from) + field}, at(to));
  }
  void root(std::uint64_t semaphore, std::size_t i) {
    const std::uint64_t root = (semaphore >> 3) % SemTable::kRoots;
    world.memory.set_value(Addr{kTable + root * SemTable::kRootBytes +
                                world.layout.sema_root.treap},
                           at(i));
  }
  /// Semaphore `i` of one root.
  static std::uint64_t semaphore(std::size_t i) {
    return kMutex + i * 8 * SemTable::kRoots;
  }
  std::uint64_t find(std::size_t n) {
    PieceReader reader(world.memory);
    SemTable table(reader, world.layout, Addr{kTable});
    return table.sudog_of(world.g(n)).value();
  }
};

}  // namespace

TEST_CASE("a sudog is found wherever in its treap it hangs") {
  Scene s;
  const auto& at = s.world.layout.sudog;
  for (std::size_t i = 0; i < 5; ++i) s.sudog(i, i, Scene::semaphore(i));
  s.sudog(5, 5, Scene::semaphore(2));  // the second waiter for that one
  s.root(Scene::semaphore(0), 0);
  s.link(0, at.prev, 1);
  s.link(0, at.next, 2);
  s.link(1, at.next, 3);
  s.link(2, at.prev, 4);
  s.link(2, at.waitlink, 5);
  for (std::size_t n = 0; n < 6; ++n) CHECK(s.find(n) == s.at(n));
  CHECK(s.find(6) == 0);
}

TEST_CASE("a treap that bites its tail is walked once") {
  Scene s;
  s.sudog(0, 0, kMutex);
  s.sudog(1, 1, Scene::semaphore(1));
  s.root(kMutex, 0);
  s.link(0, s.world.layout.sudog.next, 1);
  s.link(1, s.world.layout.sudog.next, 0);
  s.link(1, s.world.layout.sudog.waitlink, 1);
  CHECK(s.find(1) == s.at(1));
  CHECK(s.find(2) == 0);
}

TEST_CASE("what has left the table is not followed") {
  Scene s;
  s.sudog(0, 0, kMutex);
  s.sudog(1, 1, Scene::semaphore(1));
  s.root(kMutex, 0);
  s.link(0, s.world.layout.sudog.next, 1);
  SUBCASE("it waits for nothing") { s.sudog(0, 0, 0); }
  SUBCASE("it waits for a semaphore of another root") {
    s.sudog(0, 0, kMutex + 8);
    s.link(0, s.world.layout.sudog.next, 1);
  }
  SUBCASE("it waits for a channel") {
    s.world.memory.set_value(Addr{s.at(0) + s.world.layout.sudog.c}, kMutex);
  }
  SUBCASE("it cannot be read") { s.world.memory.unmap(Addr{s.at(0)}, 8); }
  CHECK(s.find(1) == 0);
}

TEST_CASE("a table that cannot be read has no sudogs") {
  Scene s;
  s.world.memory.unmap(Addr{kTable}, 8);
  CHECK(s.find(0) == 0);
}

TEST_CASE("where the frame has no sudog, the table names the lock") {
  Scene s;
  const std::size_t n = s.world.add(7);
  s.world.park(n, FakeWorld::kMutexLock, kLocking);
  s.sudog(0, n, kMutex + 4);
  s.root(kMutex + 4, 0);
  SUBCASE("found") {
    const Census census = s.world.census().take({}).value();
    CHECK(census.changed[0].waits_on ==
          std::vector<ObjectRef>{{kMutex, WaitKind::kMutex}});
    CHECK(census.notes.empty());
  }
  SUBCASE("not without the table's address") {
    s.world.globals.semtable = Addr{};
    const Census census = s.world.census().take({}).value();
    CHECK(census.changed[0].waits_on.empty());
    CHECK(census.notes.size() == 1);
  }
  SUBCASE("not when the sudog is another's by then") {
    s.world.memory.set_value(Addr{s.at(0) + s.world.layout.sudog.g},
                             s.world.g(5));
    CHECK(s.world.census().take({}).value().changed[0].waits_on.empty());
  }
}
