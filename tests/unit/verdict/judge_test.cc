// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
#include "verdict/judge.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "builder.h"

using namespace taskleak;
using namespace taskleak::test;

namespace {

using Source = WaitStartSource;

/// One task blocked in a channel receive at main.worker.
struct Scene {
  Scene() {
    receive = b.reason("chan receive", WaitKind::kChannel);
    serve = b.frame("main.serve", "/src/main.go", 42);
    worker = b.frame("main.worker", "/src/main.go", 57);
  }
  Task& waits(std::uint64_t raw_id, WaitStart wait) {
    return b.blocked(raw_id, receive, serve, worker, wait);
  }
  Task& waits_for(ReasonId reason, std::uint64_t raw_id = 1) {
    return b.blocked(raw_id, reason, serve, worker, since(600, Source::kEvent));
  }
  Report judged(const History& history = {}) {
    return judge(b.build(), history, Policy{});
  }

  SnapshotBuilder b;
  ReasonId receive;
  FrameId serve, worker;
};

std::uint64_t count(const Report& report, Verdict verdict) {
  return report.counts[static_cast<std::size_t>(verdict)];
}

/// Does the evidence on the first task have this kind?
bool says(const Report& report, const std::string& kind) {
  const auto& facts = report.evidence[report.tasks[0].evidence];
  return std::any_of(facts.begin(), facts.end(),
                     [&](const Evidence& fact) { return fact.kind == kind; });
}

}  // namespace

TEST_CASE("a wait that is certainly old is suspect, with what to check") {
  Scene scene;
  scene.waits(1, since(61, Source::kEvent));
  scene.waits(2, since(59, Source::kEvent));
  const Report report = scene.judged();
  CHECK(report.tasks[0].verdict == Verdict::kSuspect);
  CHECK(report.tasks[1].verdict == Verdict::kHealthy);
  for (const char* kind : {"age", "age_source", "never_ran", "siblings"})
    CHECK_MESSAGE(says(report, kind), kind);
  CHECK(report.sites[0][static_cast<std::size_t>(Verdict::kSuspect)] == 1);
  CHECK(report.working == 2);
}

TEST_CASE("uncertainty of the start speaks for the task") {
  Scene scene;
  scene.waits(1, since(100, Source::kRuntime, 41));
  scene.waits(2, since(100, Source::kRuntime, 39));
  const Report report = scene.judged();
  CHECK(report.tasks[0].verdict == Verdict::kHealthy);
  CHECK(report.tasks[1].verdict == Verdict::kSuspect);
}

TEST_CASE("a wait of unknown start counts from when it was first seen") {
  Scene scene;
  scene.waits(1, since(59, Source::kFirstSeen, -1));
  scene.waits(2, since(61, Source::kFirstSeen, -1));
  const Report report = scene.judged();
  CHECK(report.tasks[0].verdict == Verdict::kHealthy);
  CHECK(report.tasks[1].verdict == Verdict::kSuspect);
}

TEST_CASE("what cannot be read is unknown, system tasks are out of it") {
  Scene scene;
  scene.waits(1, since(900, Source::kEvent)).torn = true;
  scene.b.task(2).state = TaskState::kUnknown;
  scene.waits(3, since(900, Source::kEvent)).system = true;
  const Report report = scene.judged();
  CHECK(report.tasks[0].verdict == Verdict::kUnknown);
  CHECK(says(report, "torn"));
  CHECK(report.tasks[1].verdict == Verdict::kUnknown);
  CHECK(report.tasks[2].verdict == Verdict::kHealthy);
  CHECK(count(report, Verdict::kUnknown) == 2);
  CHECK(count(report, Verdict::kHealthy) == 0);
}

TEST_CASE("running, runnable and system calls are healthy") {
  Scene scene;
  scene.b.task(1);
  scene.b.task(2).state = TaskState::kRunnable;
  scene.b.task(3).state = TaskState::kSyscall;
  CHECK(count(scene.judged(), Verdict::kHealthy) == 3);
}

TEST_CASE("old waits that explain themselves are healthy, and say why") {
  const auto healthy = [](Scene& scene, const char* kind) {
    const Report report = scene.judged();
    CHECK(report.tasks[0].verdict == Verdict::kHealthy);
    CHECK_MESSAGE(says(report, kind), kind);
  };
  Scene sleep;
  sleep.waits_for(sleep.b.reason("sleep", WaitKind::kTimer, true));
  healthy(sleep, "ends_by_itself");
  Scene gc;
  gc.waits_for(gc.b.reason("GC worker (idle)", WaitKind::kRuntime));
  healthy(gc, "runtime");
  Scene deadline;
  deadline.waits_for(deadline.receive).deadline_ns = kTakenNs + 1;
  healthy(deadline, "deadline");
  Scene main;
  main.waits_for(main.b.reason("select (no cases)", WaitKind::kSelect), 1);
  healthy(main, "main_idiom");
}

TEST_CASE("a deadline that has passed explains nothing") {
  Scene scene;
  scene.waits_for(scene.receive).deadline_ns = kTakenNs - 1;
  CHECK(scene.judged().tasks[0].verdict == Verdict::kSuspect);
}

TEST_CASE("nothing can wake a nil channel or an empty select: suspect") {
  Scene nil;
  nil.waits_for(nil.b.reason("chan send (nil chan)", WaitKind::kNilChannel));
  CHECK(says(nil.judged(), "hopeless"));
  Scene empty;
  empty.waits_for(empty.b.reason("select (no cases)", WaitKind::kSelect), 9);
  const Report report = empty.judged();
  CHECK(report.tasks[0].verdict == Verdict::kSuspect);
  CHECK(says(report, "hopeless"));
}

TEST_CASE("old reads from a peer: the user's are suspect, idle ones are not") {
  Scene scene;
  const ReasonId io = scene.b.reason("IO wait", WaitKind::kFd);
  const FrameId park = scene.b.frame("internal/poll.runtime_pollWait", "", 1,
                                     FrameOwner::kRuntime);
  const FrameId accept =
      scene.b.frame("internal/poll.(*FD).Accept", "", 1, FrameOwner::kLibrary);
  const FrameId idle =
      scene.b.frame("net/http.(*conn).serve", "", 1, FrameOwner::kLibrary);
  scene.waits_for(io, 1).stack = scene.b.stack({park, scene.worker});
  scene.waits_for(io, 2).stack = scene.b.stack({park, accept, scene.worker});
  scene.waits_for(io, 3).stack = scene.b.stack({park, idle});
  const Report report = scene.judged();
  CHECK(report.tasks[0].verdict == Verdict::kSuspect);
  CHECK(report.tasks[1].verdict == Verdict::kHealthy);
  CHECK(report.tasks[2].verdict == Verdict::kHealthy);
}

TEST_CASE("each leaked task is detected once, also when torn in between") {
  History history;
  const auto epoch = [&](std::uint64_t number, bool torn) {
    Scene scene;
    scene.b.at.epoch = number;
    scene.waits(1, since(100, Source::kEvent)).torn = torn;
    const Report report = scene.judged(history);
    history.remember(report);
    return report.detections[static_cast<std::size_t>(Verdict::kSuspect)];
  };
  CHECK(epoch(1, false) == 1);
  CHECK(epoch(2, true) == 1);
  CHECK(epoch(3, false) == 1);
}

TEST_CASE("a task that ended and one that leaks anew are two detections") {
  History history;
  for (const std::uint64_t raw_id : {1U, 2U}) {
    Scene scene;
    scene.b.at.epoch = raw_id;
    scene.waits(raw_id, since(100, Source::kEvent));
    const Report report = scene.judged(history);
    history.remember(report);
    CHECK(report.detections[static_cast<std::size_t>(Verdict::kSuspect)] ==
          raw_id);
  }
}

TEST_CASE("a verdict stays while the wait lasts, and goes when it ran") {
  History history;
  Scene before;
  before.waits(1, since(100, Source::kEvent));
  history.remember(before.judged());
  // Another policy alone is no new evidence; a run is.
  const auto later = [&](bool ran) {
    Scene scene;
    Task& task = scene.waits(1, since(100, Source::kEvent));
    task.ran_since_last = ran;
    const Policy patient{.suspect_after_ns = 500'000'000'000};
    return judge(scene.b.build(), history, patient).tasks[0].verdict;
  };
  CHECK(later(false) == Verdict::kSuspect);
  CHECK(later(true) == Verdict::kHealthy);
}

TEST_CASE("what is remembered follows tasks that move to other places") {
  History history;
  Scene before;
  before.b.task(7);
  before.waits(1, since(100, Source::kEvent));
  history.remember(before.judged());
  Scene packed;
  packed.b.order = 1;
  packed.waits(1, since(100, Source::kEvent));
  const Report report = packed.judged(history);
  CHECK(count(report, Verdict::kSuspect) == 1);
  CHECK(report.detections[static_cast<std::size_t>(Verdict::kSuspect)] == 1);
  history.remember(report);
  Scene later;
  later.b.order = 1;
  later.waits(1, since(100, Source::kEvent));
  CHECK(later.judged(history)
            .detections[static_cast<std::size_t>(Verdict::kSuspect)] == 1);
}

TEST_CASE("every verdict has its name, three of them are leaks") {
  CHECK(verdict_name(Verdict::kSuspect) == "suspect");
  int leaks = 0;
  for (int i = 0; i < kVerdicts; ++i)
    leaks += is_leak(static_cast<Verdict>(i)) ? 1 : 0;
  CHECK(leaks == 3);
}
