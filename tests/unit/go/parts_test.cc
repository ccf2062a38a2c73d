// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The small parts of a walk: merged reads, the flat map, wait reasons, when a
// wait began by the collector's marks, labels.
#include <doctest/doctest.h>

#include <algorithm>

#include "probes/go/flat_map.h"
#include "probes/go/gc_clock.h"
#include "probes/go/labels.h"
#include "probes/go/piece_reader.h"
#include "probes/go/reasons.h"
#include "tests/unit/go/fake_world.h"

using namespace taskleak;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::vector<std::string> read_pieces(const MemoryReader& memory,
                                     std::vector<Piece> pieces) {
  PieceReader reader(memory);
  std::vector<std::string> result(pieces.size());
  CHECK(reader.read(
      pieces, [&](const Piece& piece, std::span<const std::byte> bytes) {
        result[piece.tag] = {reinterpret_cast<const char*>(bytes.data()),
                             bytes.size()};
      }));
  return result;
}

}  // namespace

TEST_CASE("pieces that lie close together are one read") {
  FakeMemory memory;
  memory.set_zero(Addr{0x1000}, 0x1000);
  memory.set_text(Addr{0x1000}, "abc");
  memory.set_text(Addr{0x1800}, "defg");
  CHECK(read_pieces(memory, {{0x1800, 4, 0}, {0x1000, 3, 1}, {0x1001, 2, 2}}) ==
        std::vector<std::string>{"defg", "abc", "bc"});
  CHECK(memory.calls() == 1);
}

TEST_CASE("a hole costs only the piece that it holds") {
  FakeMemory memory;
  memory.set_text(Addr{0x1000}, "abc");
  memory.set_text(Addr{0x1100}, "def");
  CHECK(read_pieces(memory, {{0x1000, 3, 0}, {0x1080, 3, 1}, {0x1100, 3, 2}}) ==
        std::vector<std::string>{"abc", "", "def"});
}

TEST_CASE("a piece that is absurd is not read") {
  FakeMemory memory;
  memory.set_text(Addr{0x1000}, "abc");
  CHECK(read_pieces(memory, {{0x1000, 3, 0},
                             {0x2000, PieceReader::kMaxPieceBytes + 1, 1},
                             {~std::uint64_t{0} - 2, 16, 2}}) ==
        std::vector<std::string>{"abc", "", ""});
}

TEST_CASE("pieces come in address order, however many and far apart") {
  const FakeMemory memory;
  PieceReader reader(memory);
  for (const std::uint64_t spread :
       {std::uint64_t{1} << 12, std::uint64_t{1} << 30, ~std::uint64_t{0}})
    for (const std::uint32_t count : {2U, 100U, 3000U}) {
      std::vector<Piece> pieces;
      for (std::uint32_t i = 0; i < count; ++i)
        pieces.push_back({mix64(i + 1) % spread, 8, i});
      std::vector<Piece> wanted = pieces;
      std::ranges::stable_sort(wanted, {}, &Piece::at);
      reader.sort(pieces);
      REQUIRE(std::ranges::equal(pieces, wanted, {}, &Piece::at, &Piece::at));
      // none is lost, none is there twice
      std::ranges::sort(pieces, {}, &Piece::tag);
      for (std::uint32_t i = 0; i < count; ++i) REQUIRE(pieces[i].tag == i);
    }
}

TEST_CASE("a flat map keeps what was put in, however much") {
  FlatMap map;
  for (std::uint32_t i = 0; i < 10'000; ++i) map.insert(i * 4096ULL, i);
  for (std::uint32_t i = 0; i < 10'000; ++i)
    REQUIRE(map.find(i * 4096ULL) == i);
  CHECK(map.find(5) == FlatMap::kMissing);
  CHECK(map.size() == 10'000);
}

TEST_CASE("a wait reason has the kind that its words say") {
  CHECK(wait_reason_of("chan receive (nil chan)").kind ==
        WaitKind::kNilChannel);
  CHECK(wait_reason_of("chan receive (durable)").kind == WaitKind::kChannel);
  CHECK(wait_reason_of("select (no cases)").kind == WaitKind::kSelect);
  CHECK(wait_reason_of("sync.RWMutex.Lock").kind == WaitKind::kRwMutex);
  CHECK(wait_reason_of("GC worker (idle)").kind == WaitKind::kRuntime);
  CHECK(wait_reason_of("timer goroutine (idle)").kind == WaitKind::kRuntime);
  CHECK(wait_reason_of("words of a later version").kind == WaitKind::kUnknown);
  CHECK(wait_reason_of("sleep").ends_by_itself);
  CHECK_FALSE(wait_reason_of("select").ends_by_itself);
}

TEST_CASE("wait reasons that are none are refused") {
  FakeMemory memory;
  memory.set_zero(Addr{0x1000}, 64);
  CHECK(read_wait_reasons(memory, Addr{0x1000}, 64).error().code() ==
        Errc::kCorrupt);
  CHECK(read_wait_reasons(memory, Addr{0x1000}, 0).error().code() ==
        Errc::kCorrupt);
  memory.set_value(Addr{0x1008}, std::uint64_t{1} << 60);
  CHECK(read_wait_reasons(memory, Addr{0x1000}, 64).error().code() ==
        Errc::kCorrupt);
}

TEST_CASE("a mark of cycle k dates a wait between cycles k-1 and k+1") {
  GcClock clock(1 * kSecond);
  clock.set({10 * kSecond, 20 * kSecond, 30 * kSecond}, 1, 35 * kSecond);
  const std::int64_t slack = GcClock::kSlackNs;
  const std::int64_t early = 1'000'000;  // the mark precedes the cycle's end
  SUBCASE("in the middle") {
    const WaitBound bound = clock.bound(20 * kSecond - early);
    CHECK(bound.earliest_ns == 10 * kSecond - slack);
    CHECK(bound.latest_ns == 30 * kSecond + slack);
  }
  SUBCASE("no cycle marked the first: it may be as old as the process") {
    const WaitBound bound = clock.bound(10 * kSecond - early);
    CHECK(bound.earliest_ns == 1 * kSecond);
    CHECK(bound.latest_ns == 20 * kSecond + slack);
  }
  SUBCASE("the cycle that marked it has not ended") {
    CHECK(clock.bound(30 * kSecond - early).latest_ns == 35 * kSecond);
  }
  SUBCASE("nothing is said without a mark, or of no known cycle") {
    CHECK(clock.bound(0).latest_ns == 0);
    CHECK(clock.bound(25 * kSecond).latest_ns == 0);
    CHECK(clock.bound(40 * kSecond).latest_ns == 0);
  }
  SUBCASE("one older than what is kept is dated by the collector's period") {
    clock.set({200 * kSecond, 300 * kSecond}, 77, 350 * kSecond);
    const WaitBound bound = clock.bound(150 * kSecond);
    CHECK(bound.earliest_ns == 150 * kSecond - GcClock::kCycleLimitNs);
    CHECK(bound.latest_ns == 150 * kSecond + GcClock::kCycleLimitNs);
  }
}

namespace {

constexpr std::uint64_t kSet = FakeWorld::kHeap;

/// The labels of a goroutine whose set lies at kSet.
Labels labels_of(FakeWorld& world) {
  const std::size_t n = world.add(7);
  world.set_word(n, world.layout.g.labels, kSet);
  const Census census = world.census().take({}).value();
  const LabelsId id = census.changed.at(0).labels;
  return id.valid() ? census.tables.labels[id.value] : Labels{};
}

void put_string(FakeMemory& memory, std::uint64_t slot, std::uint64_t at,
                std::string_view text) {
  memory.set_value(Addr{slot}, at);
  memory.set_value(Addr{slot + 8}, std::uint64_t{text.size()});
  memory.set_text(Addr{at}, text);
}

}  // namespace

TEST_CASE("labels are read from a slice, and bounded") {
  FakeWorld world;
  const std::uint64_t slice[] = {kSet + 0x100, 1, 1};
  world.memory.set_value(Addr{kSet}, slice);
  put_string(world.memory, kSet + 0x100, kSet + 0x200, "tenant");
  put_string(world.memory, kSet + 0x110, kSet + 0x300, "blue");
  SUBCASE("as they are") {
    CHECK(labels_of(world) == Labels{{"tenant", "blue"}});
  }
  SUBCASE("a key of absurd length is left out") {
    world.memory.set_value(Addr{kSet + 0x108}, ~std::uint64_t{0});
    CHECK(labels_of(world).empty());
  }
  SUBCASE("a length beyond the capacity is no slice") {
    world.memory.set_value(Addr{kSet + 8}, std::uint64_t{1} << 40);
    CHECK(labels_of(world).empty());
  }
}

TEST_CASE("labels are read from a map before Go 1.24") {
  FakeWorld world({23, 12});
  const std::uint64_t map = kSet + 0x1000;
  const std::uint64_t bucket = kSet + 0x2000;
  world.memory.set_value(Addr{kSet}, map);
  world.memory.set_zero(Addr{map}, 64);
  world.memory.set_value(Addr{map + 16}, bucket);
  world.memory.set_zero(Addr{bucket}, 272);
  world.memory.set_value(Addr{bucket + 2}, std::uint8_t{0x80});
  put_string(world.memory, bucket + 8 + 2 * 16, kSet + 0x3000, "request");
  put_string(world.memory, bucket + 8 + 128 + 2 * 16, kSet + 0x3100, "17");
  SUBCASE("the used slots") {
    CHECK(labels_of(world) == Labels{{"request", "17"}});
  }
  SUBCASE("an overflow chain that bites its tail ends") {
    world.memory.set_value(Addr{bucket + 264}, bucket);
    CHECK_FALSE(labels_of(world).empty());
  }
  SUBCASE("more buckets than labels have is no map of labels") {
    world.memory.set_value(Addr{map + 9}, std::uint8_t{40});
    CHECK(labels_of(world).empty());
  }
}
