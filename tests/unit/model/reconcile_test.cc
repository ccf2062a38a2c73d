// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
#include "model/reconcile.h"

#include <doctest/doctest.h>

using namespace taskleak;

namespace {

using Source = WaitStartSource;

WaitWitnesses seen(std::int64_t not_yet, std::int64_t by) {
  WaitWitnesses witnesses;
  witnesses.not_yet_ns = not_yet;
  witnesses.seen_ns = by;
  return witnesses;
}

Counts fold(CountLedger& ledger, const CountWitnesses& witnesses,
            const EventSummary& events = {}) {
  Counts counts;
  ledger.fold(witnesses, events, counts);
  REQUIRE(counts.created - counts.finished == counts.tasks);
  return counts;
}

CountWitnesses exact(std::uint64_t tasks, std::uint64_t created) {
  CountWitnesses witnesses;
  witnesses.tasks = tasks;
  witnesses.totals.created = created;
  witnesses.totals.created_exact = true;
  return witnesses;
}

EventSummary events(std::int64_t since, std::uint64_t created,
                    std::uint64_t ended) {
  EventSummary summary;
  summary.lifecycle_since_ns = since;
  summary.created = created;
  summary.ended = ended;
  return summary;
}

}  // namespace

TEST_CASE("with the epochs alone, a wait began between two walks") {
  CHECK(reconcile_wait(seen(100, 300)) ==
        WaitStart{300, 200, Source::kFirstSeen});
  CHECK(reconcile_wait(seen(0, 300)) == WaitStart{300, -1, Source::kFirstSeen});
}

TEST_CASE("the runtime's range is cut to what the epochs allow") {
  WaitWitnesses w = seen(100, 300);
  w.runtime_earliest_ns = 50;
  w.runtime_latest_ns = 250;
  CHECK(reconcile_wait(w) == WaitStart{100, 150, Source::kRuntime});
}

TEST_CASE("a range of the runtime outside the epochs' is another wait's") {
  WaitWitnesses w = seen(100, 300);
  w.runtime_earliest_ns = 10;
  w.runtime_latest_ns = 90;
  CHECK(reconcile_wait(w).source == Source::kFirstSeen);
}

TEST_CASE("an event inside the interval is exact, one outside is not ours") {
  WaitWitnesses w = seen(1'000'000'000, 2'000'000'000);
  w.event_ns = 1'500'000'000;
  CHECK(reconcile_wait(w) == WaitStart{1'500'000'000, 0, Source::kEvent});
  w.event_ns = 2'000'000'001;
  CHECK(reconcile_wait(w).source == Source::kFirstSeen);
  w.event_ns = 1'000'000'000 - kParkSlackNs - 1;
  CHECK(reconcile_wait(w).source == Source::kFirstSeen);
}

TEST_CASE("what is known of a wait never gets worse") {
  WaitWitnesses w;
  w.known = {100, 50, Source::kRuntime};
  w.seen_ns = 900;
  CHECK(reconcile_wait(w) == w.known);
  w.runtime_earliest_ns = 50;
  w.runtime_latest_ns = 400;
  CHECK(reconcile_wait(w) == w.known);
  w.runtime_latest_ns = 120;
  CHECK(reconcile_wait(w) == WaitStart{100, 20, Source::kRuntime});
  w.known = {100, 0, Source::kEvent};
  CHECK(reconcile_wait(w) == w.known);
}

TEST_CASE("a park is the wait's when id, reason and run count agree") {
  const EventPark park{
      .start_ns = 1, .raw_id = 17, .raw_reason = 3, .run_count = 255};
  CHECK(same_park(park, 17, ReasonId{3}, 0));
  CHECK_FALSE(same_park(park, 18, ReasonId{3}, 0));
  CHECK_FALSE(same_park(park, 17, ReasonId{4}, 0));
  CHECK_FALSE(same_park(park, 17, ReasonId{3}, 255));
}

TEST_CASE("an exact counter gives created, less the system tasks ever seen") {
  CountLedger ledger;
  CountWitnesses w = exact(10, 105);
  w.system_ever = 5;
  w.system_tasks = 4;
  const Counts counts = fold(ledger, w);
  CHECK(counts.created == 100);
  CHECK(counts.finished == 90);
  CHECK(counts.uncertainty == 0);
}

TEST_CASE("a walk that finds more than the counter allows raises created") {
  CountLedger ledger;
  fold(ledger, exact(10, 100));
  const Counts raised = fold(ledger, exact(13, 101));
  CHECK(raised.finished == 90);
  CHECK(raised.created == 103);
  CHECK(raised.uncertainty == 2);
  const Counts caught_up = fold(ledger, exact(13, 104));
  CHECK(caught_up.created == 104);
  CHECK(caught_up.uncertainty == 0);
}

TEST_CASE("created and finished never sink, whatever the witnesses say") {
  CountLedger ledger;
  Counts last;
  std::uint64_t random = 1;
  for (int epoch = 0; epoch < 2000; ++epoch) {
    random = random * 6364136223846793005U + 1442695040888963407U;
    CountWitnesses w = exact((random >> 33) % 50, (random >> 40) % 500);
    w.totals.created_exact = random % 3 != 0;
    w.system_ever = (random >> 20) % 7;
    w.born = (random >> 24) % 5;
    const Counts counts =
        fold(ledger, w, events((random >> 50) % 4, (random >> 30) % 99, 3));
    REQUIRE(counts.created >= last.created);
    REQUIRE(counts.finished >= last.finished);
    last = counts;
  }
}

TEST_CASE("without a counter, events add the tasks that no walk saw") {
  CountLedger ledger;
  CountWitnesses w;
  w.tasks = 10;
  w.born = 10;
  CHECK(fold(ledger, w, events(1, 0, 0)).created == 10);
  w.born = 2;
  w.tasks = 12;
  const Counts counts = fold(ledger, w, events(1, 500, 498));
  CHECK(counts.created == 510);
  CHECK(counts.finished == 498);
  CHECK_FALSE(counts.created_exact);
}

TEST_CASE("drift is what events alone would have got wrong") {
  CountLedger ledger;
  CHECK_FALSE(fold(ledger, exact(10, 10), events(7, 3, 1)).drift_known);
  // 5 more were created, one birth and two ends were lost.
  const Counts counts = fold(ledger, exact(13, 15), events(7, 7, 1));
  CHECK(counts.drift_known);
  CHECK(counts.drift == 1);
  CHECK(counts.tasks == 13);
}

TEST_CASE("after a gap in the probes drift starts anew") {
  CountLedger ledger;
  fold(ledger, exact(10, 10), events(7, 0, 0));
  fold(ledger, exact(10, 20), events(7, 5, 0));
  CHECK_FALSE(fold(ledger, exact(12, 22), events(0, 0, 0)).drift_known);
  CHECK_FALSE(fold(ledger, exact(12, 22), events(9, 1, 1)).drift_known);
  CHECK(fold(ledger, exact(12, 24), events(9, 3, 3)).drift == 0);
}

TEST_CASE("the runtime's own count is an oracle within the uncertainty") {
  Counts counts;
  counts.tasks = 100;
  counts.uncertainty = 3;
  CensusTotals totals;
  CHECK(unexplained(counts, totals, 0) == 0);
  totals.oracle_live = 104;
  CHECK(unexplained(counts, totals, 1) == 0);
  totals.oracle_live = 90;
  CHECK(unexplained(counts, totals, 1) == 6);
}
