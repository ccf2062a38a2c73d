// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
#include "reader/codec.h"

#include <doctest/doctest.h>

#include <cstring>

#include "model/task_table.h"
#include "sample_messages.h"

using namespace taskleak;
using namespace taskleak::test;

namespace {

void check_task(const CensusTask& got, const CensusTask& want) {
  CHECK(got.slot == want.slot);
  CHECK(got.state == want.state);
  CHECK(got.system == want.system);
  CHECK(got.new_life == want.new_life);
  CHECK(got.run_count == want.run_count);
  CHECK(got.raw_id == want.raw_id);
  CHECK(got.parent_raw_id == want.parent_raw_id);
  CHECK(got.record == want.record);
  CHECK(got.reason == want.reason);
  CHECK(got.created_at == want.created_at);
  CHECK(got.stack == want.stack);
  CHECK(got.labels == want.labels);
  CHECK(got.wait_earliest_ns == want.wait_earliest_ns);
  CHECK(got.wait_latest_ns == want.wait_latest_ns);
  CHECK(got.deadline_ns == want.deadline_ns);
  CHECK(got.waits_on == want.waits_on);
}

std::uint64_t next(std::uint64_t& random) {
  random = random * 6364136223846793005U + 1442695040888963407U;
  return random >> 33;
}

}  // namespace

TEST_CASE("a census crosses whole") {
  const Census want = sample_census();
  const auto decoded = decode_census(encode(want));
  REQUIRE(decoded);
  const Census& got = *decoded;
  CHECK(got.part == want.part);
  CHECK(got.last == want.last);
  CHECK(got.runtime == want.runtime);
  CHECK(got.full == want.full);
  CHECK(got.begin_ns == want.begin_ns);
  CHECK(got.end_ns == want.end_ns);
  REQUIRE(got.changed.size() == want.changed.size());
  for (std::size_t i = 0; i < want.changed.size(); ++i)
    check_task(got.changed[i], want.changed[i]);
  CHECK(got.ended == want.ended);
  CHECK(got.torn == want.torn);
  CHECK(got.unchanged == want.unchanged);
  CHECK(got.objects == want.objects);
  CHECK(got.named_pcs == want.named_pcs);
  CHECK(got.notes == want.notes);
  // What has no comparison of its own: the same bytes again.
  CHECK(encode(got) == encode(want));
}

TEST_CASE("each field of a census stands for itself in the bytes") {
  const Payload plain = encode(sample_census());
  const auto differs = [&](auto change) {
    Census changed = sample_census();
    change(changed);
    CHECK(encode(changed) != plain);
  };
  differs([](Census& c) { c.bounds[0].wait_latest_ns++; });
  differs([](Census& c) { c.totals.oracle_live++; });
  differs([](Census& c) { c.totals.ended_during_walk++; });
  differs([](Census& c) { c.totals.created_exact = false; });
  differs([](Census& c) { c.tables.first_reason++; });
  differs([](Census& c) { c.tables.frames[0].owner = FrameOwner::kUser; });
  differs([](Census& c) { c.tables.stacks[0][1].value++; });
  differs([](Census& c) { c.tables.labels[0][1].second = ""; });
  differs([](Census& c) { c.tables.reasons[0].ends_by_itself = false; });
}

TEST_CASE("detection, orders and errors cross whole") {
  const Payload detection = encode(sample_detection());
  const auto got = decode_detection(detection);
  REQUIRE(got);
  CHECK(encode(*got) == detection);
  CHECK(got->target.labels.at("service") == "shop");
  CHECK(got->plans[0].probes[0].bytes ==
        sample_detection().plans[0].probes[0].bytes);
  const auto order = decode_order(encode(CensusOrder{7, true, 8, {9, 10}}));
  REQUIRE(order);
  CHECK(order->full);
  CHECK(order->name_pcs == std::vector<std::uint64_t>{9, 10});
  const Error error =
      decode_error(encode(Error(Errc::kFault, "no list", 0x10, 14)));
  CHECK(error.code() == Errc::kFault);
  CHECK(error.text() == "no list");
  CHECK(error.address() == 0x10);
  CHECK(error.os_error() == 14);
}

TEST_CASE("a message that is cut short or too long is corrupt") {
  const Payload whole = encode(sample_census());
  for (std::size_t size = 0; size < whole.size(); ++size)
    REQUIRE_FALSE(decode_census(std::span(whole).first(size)));
  Payload longer = whole;
  longer.push_back({});
  CHECK(decode_census(longer).error().code() == Errc::kCorrupt);
  CHECK(decode_error(std::span(whole).first(2)).code() == Errc::kCorrupt);
}

TEST_CASE("garbled bytes never do more than fail") {
  const Payload census = encode(sample_census());
  const Payload detection = encode(sample_detection());
  std::uint64_t random = 7;
  for (int round = 0; round < 20'000; ++round) {
    Payload a = census;
    Payload b = detection;
    for (int i = 0; i < 3; ++i) {
      a[next(random) % a.size()] = static_cast<std::byte>(next(random));
      b[next(random) % b.size()] = static_cast<std::byte>(next(random));
    }
    // Either way is fine; what counts is that it ends, within memory.
    static_cast<void>(decode_census(a));
    static_cast<void>(decode_detection(b));
  }
}

TEST_CASE("a length that the message cannot hold allocates nothing") {
  Payload order = encode(CensusOrder{0, false, 0, {1}});
  const std::uint64_t huge = std::uint64_t{1} << 60;
  std::memcpy(order.data() + 17, &huge, sizeof(huge));
  CHECK(decode_order(order).error().code() == Errc::kCorrupt);
}

TEST_CASE("more than the model holds is a limit") {
  CensusOrder order;
  order.name_pcs.resize(TaskTable::kMaxPcsToName + 1);
  CHECK(decode_order(encode(order)).error().code() == Errc::kLimit);
}

TEST_CASE("a detection has a plan for each runtime") {
  Detection detection = sample_detection();
  detection.plans.clear();
  CHECK(decode_detection(encode(detection)).error().code() == Errc::kCorrupt);
}

TEST_CASE("strings beyond the bound are cut, not refused") {
  const Error error = decode_error(
      encode(Error(Errc::kOs, std::string(kMaxStringBytes + 5, 'x'))));
  CHECK(error.text().size() == kMaxStringBytes);
}
