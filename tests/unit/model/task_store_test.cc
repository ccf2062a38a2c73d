// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
#include "model/task_store.h"

#include <doctest/doctest.h>

#include <random>
#include <vector>

using namespace taskleak;

namespace {

constexpr std::uint32_t kChunk = TaskChunk::kTasks;

SiteId first_site(const Task&) { return SiteId{0}; }

struct Store {
  void put(std::uint32_t slot, std::uint64_t raw_id,
           std::vector<WaitObject> waits = {}) {
    Task task;
    task.id.raw = raw_id;
    task.state = TaskState::kBlocked;
    store.put(slot, task, waits, epoch, first_site);
  }
  TaskList share() { return store.share(epoch++, {SiteId{0}}); }

  TaskStore store;
  std::uint32_t epoch = 1;
};

std::vector<std::uint64_t> ids(const TaskList& list) {
  std::vector<std::uint64_t> ids;
  for (const Task& task : list) ids.push_back(task.id.raw);
  return ids;
}

WaitObject channel(std::uint64_t address, std::int64_t buffered = 0) {
  return {{address, WaitKind::kChannel}, 8, buffered, 16, 0};
}

}  // namespace

TEST_CASE("a list shares with the one before all chunks but those touched") {
  Store s;
  for (std::uint32_t slot = 0; slot < 3 * kChunk; ++slot)
    s.put(slot, slot + 1, {channel(slot)});
  const TaskList before = s.share();
  const TaskList quiet = s.share();
  s.put(kChunk, 77, {channel(7)});
  s.store.remove(kChunk + 1);
  s.store.set_wait(0, WaitStart{});     // as it is already
  s.store.set_torn(2 * kChunk, false);  // likewise
  const TaskList after = s.share();
  const auto shares = [&](const TaskList& list, std::uint32_t chunk) {
    // Of a task that is in every list.
    const std::uint32_t place = chunk * kChunk + 5;
    return list.waits(place).data() == before.waits(place).data();
  };
  for (const std::uint32_t chunk : {0, 1, 2}) CHECK(shares(quiet, chunk));
  CHECK(shares(after, 0));
  CHECK_FALSE(shares(after, 1));
  CHECK(shares(after, 2));
  CHECK(before[kChunk].id.raw == kChunk + 1);
  CHECK(before.size() == 3 * kChunk);
  CHECK(after[kChunk].id.raw == 77);
  CHECK(after.size() == 3 * kChunk - 1);
  CHECK_FALSE(after.has(kChunk + 1));
}

TEST_CASE("what changes after a list was shared does not show in it") {
  Store s;
  s.put(0, 1, {channel(1, 3)});
  const TaskList before = s.share();
  s.store.set_wait(0, {5, 6, WaitStartSource::kEvent});
  s.store.set_torn(0, true);
  const TaskList torn = s.share();
  s.store.set_torn(0, false);
  s.put(0, 1, {channel(1, 4), channel(2)});
  const TaskList after = s.share();
  CHECK(before[0].wait.source == WaitStartSource::kNone);
  CHECK(before.waits(0)[0].object().buffered == 3);
  CHECK(torn[0].torn);
  CHECK(torn[0].state == TaskState::kUnknown);
  CHECK(torn.waits(0).empty());
  CHECK(s.store.find(0)->state == TaskState::kBlocked);
  CHECK(after.waits(0).size() == 2);
  CHECK(after.waits(0)[0].object().buffered == 4);
}

TEST_CASE("only what was read anew this epoch, or runs, has run since") {
  Store s;
  s.put(0, 1);
  Task running;
  running.id.raw = 2;
  running.state = TaskState::kRunning;
  running.ran_since_last = false;
  s.store.put(1, running, {}, s.epoch, first_site);
  const TaskList first = s.share();
  const TaskList second = s.share();
  CHECK(first[0].ran_since_last);
  CHECK_FALSE(second[0].ran_since_last);
  CHECK(second[1].ran_since_last);
}

TEST_CASE("many changes keep every task's own waits and rare facts") {
  Store s;
  std::mt19937 random(7);
  std::vector<std::vector<WaitObject>> want(2000);
  std::vector<std::int64_t> deadline(want.size());
  for (int change = 0; change < 40'000; ++change) {
    const auto slot = static_cast<std::uint32_t>(random() % want.size());
    want[slot].assign(random() % 6, channel(random()));
    deadline[slot] = random() % 4 == 0 ? 1 + random() % 1000 : 0;
    Task task;
    task.id.raw = slot + 1;
    task.id.generation = random() % 5 == 0 ? slot : 0;
    task.deadline_ns = deadline[slot];
    if (random() % 50 == 0) s.store.remove(slot);
    s.store.put(slot, task, want[slot], s.epoch, first_site);
    REQUIRE(s.store.find(slot)->id == task.id);
    if (change % 1000 == 0) s.share();
  }
  const TaskList list = s.share();
  REQUIRE(list.size() == want.size());
  for (const Task& task : list) {
    const auto slot = static_cast<std::size_t>(task.id.raw - 1);
    REQUIRE(task.deadline_ns == deadline[slot]);
    REQUIRE(list.waits(task.place).size() == want[slot].size());
    for (std::size_t i = 0; i < want[slot].size(); ++i)
      REQUIRE(list.waits(task.place)[i].object() == want[slot][i]);
  }
}

TEST_CASE("places are kept until most are free, the order always") {
  Store s;
  for (std::uint32_t slot = 0; slot < 4 * kChunk; ++slot) s.put(slot, slot + 1);
  const std::uint64_t order = s.share().order();
  for (std::uint32_t slot = 1; slot < 4 * kChunk; ++slot)
    if (slot % 512 != 0) s.store.remove(slot);
  s.store.pack();
  const TaskList packed = s.share();
  CHECK(packed.order() != order);
  CHECK(packed.places() == 8);
  CHECK(ids(packed) ==
        std::vector<std::uint64_t>{1, 513, 1025, 1537, 2049, 2561, 3073, 3585});
  CHECK(s.store.find(512)->id.raw == 513);
}

TEST_CASE("facts of an object survive storing, absurd ones are not known") {
  const WaitObject plain{
      {0xffff'8000'0000'0010, WaitKind::kMutex}, -1, -1, -1, -1};
  CHECK(StoredWait(plain).object() == plain);
  CHECK(StoredWait(channel(1, 8)).object() == channel(1, 8));
  WaitObject huge = channel(1);
  huge.capacity = std::int64_t{1} << 40;
  CHECK(StoredWait(huge).object().capacity == -1);
}

TEST_CASE("sites are asked for once a shape, and again when renewed") {
  TaskStore store;
  int asked = 0;
  const auto site_of = [&asked](const Task&) {
    return SiteId{static_cast<std::uint32_t>(asked++)};
  };
  Task task;
  for (std::uint32_t slot = 0; slot < 10; ++slot) {
    task.id.raw = slot + 1;
    store.put(slot, task, {}, 1, site_of);
  }
  CHECK(asked == 1);
  store.renew_sites(site_of);
  CHECK(asked == 2);
  CHECK(store.find(9)->site == SiteId{1});
  std::uint64_t tasks = 0;
  store.each_shape([&](const TaskShape&, std::uint64_t n) { tasks += n; });
  CHECK(tasks == 10);
}
