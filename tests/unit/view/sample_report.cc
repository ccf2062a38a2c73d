// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
#include "sample_report.h"

namespace taskleak::test {
namespace {

std::uint32_t evidence_for(Report& report, Verdict verdict) {
  if (!is_leak(verdict)) return 0;
  report.evidence.push_back(
      {{"age", "has waited for longer than the limit of 60s"},
       {"never_ran", "did not run \"meanwhile\""}});
  return static_cast<std::uint32_t>(report.evidence.size() - 1);
}

Verdict verdict_of(const Task& task,
                   const std::map<std::uint64_t, Verdict>& verdicts) {
  const auto given = verdicts.find(task.id.raw);
  if (given != verdicts.end()) return given->second;
  return task.torn ? Verdict::kUnknown : Verdict::kHealthy;
}

}  // namespace

Report report_of(std::shared_ptr<const Snapshot> snapshot,
                 const std::map<std::uint64_t, Verdict>& verdicts) {
  Report report;
  report.snapshot = std::move(snapshot);
  report.evidence.emplace_back();
  report.sites.resize(report.snapshot->sites.size());
  for (const Task& task : report.snapshot->tasks) {
    const Verdict verdict = verdict_of(task, verdicts);
    report.tasks.push_back({verdict, evidence_for(report, verdict)});
    if (task.system) continue;
    const auto index = static_cast<std::size_t>(verdict);
    ++report.counts[index];
    ++report.detections[index];
    ++report.sites[task.site.value][index];
    if (verdict != Verdict::kProbable && verdict != Verdict::kProven)
      ++report.working;
  }
  return report;
}

Report sample_report() {
  return report_of(sample_snapshot(), {{17, Verdict::kSuspect},
                                       {18, Verdict::kProbable},
                                       {20, Verdict::kProven}});
}

Report shop_report() {
  SnapshotBuilder b;
  b.at.epoch = 3;
  const FrameId handler =
      b.frame("shop/api.(*Server).quote", "/src/shop/api/quote.go", 42);
  const FrameId send =
      b.frame("shop/api.(*Server).quote.func1", "/src/shop/api/quote.go", 57);
  const FrameId cart =
      b.frame("shop/cart.(*Cart).Add", "/src/shop/cart.go", 88);
  const FrameId start = b.frame("main.main", "/src/shop/main.go", 12);
  const FrameId worker = b.frame("main.worker", "/src/shop/main.go", 30);
  const ReasonId chan_send = b.reason("chan send", WaitKind::kChannel);
  const ReasonId chan_recv = b.reason("chan receive", WaitKind::kChannel);
  const ReasonId lock = b.reason("sync.Mutex.Lock", WaitKind::kMutex);
  std::map<std::uint64_t, Verdict> verdicts;
  std::uint64_t id = 100;
  for (std::uint64_t i = 0; i < 1150; ++i, ++id) {
    const WaitStart wait = since(192 - static_cast<double>(i) / 10,
                                 WaitStartSource::kFirstSeen, -1);
    b.blocked(id, chan_send, handler, send, wait,
              {{0xc000100000 + i * 0x60, WaitKind::kChannel}});
    b.objects.back() = {b.objects.back().ref, 0, 0, 8, 0};
    verdicts[id] = Verdict::kSuspect;
  }
  for (std::uint64_t i = 0; i < 30; ++i, ++id) {
    b.blocked(id, lock, handler, cart, since(75, WaitStartSource::kEvent),
              {{0xc000012340, WaitKind::kMutex}});
    verdicts[id] = i < 2 ? Verdict::kSuspect : Verdict::kHealthy;
  }
  for (std::uint64_t i = 0; i < 18; ++i, ++id)
    b.blocked(id, chan_recv, start, worker, since(1, WaitStartSource::kEvent),
              {{0xc000050000, WaitKind::kChannel}});
  for (std::uint64_t i = 0; i < 36; ++i, ++id) b.task(id).created_at = handler;
  b.at.counts.created = 98'765;
  return report_of(b.build(), verdicts);
}

Report counted_report() {
  const auto snapshot = std::make_shared<Snapshot>();
  snapshot->epoch = 1;
  snapshot->target.pid = 1;
  snapshot->target.exe = "/srv/shop";
  snapshot->target.runtimes = {{"go", "go1.28.0"}};
  snapshot->counts = {.count_only = true, .tasks = 1234};
  snapshot->counts.by_state[static_cast<int>(TaskState::kUnknown)] = 1234;
  snapshot->coverage.complete = false;
  snapshot->coverage.notes = {"tasks are only counted"};
  snapshot->tables = std::make_shared<SnapshotTables>();
  return judge(snapshot, {}, {});
}

DaemonFacts sample_facts() {
  DaemonFacts facts;
  facts.version = "0.1.0";
  facts.revision = "abc123";
  facts.start_unix_ns = kTakenUnixNs - 30'000'000'000;
  facts.interval_ns = 1'000'000'000;
  facts.interval_reasons = {{"asked", false}, {"budget", true}};
  facts.process = ProcessFacts{.cpu_seconds = 1.25,
                               .resident_bytes = 20'000'000,
                               .virtual_bytes = 90'000'000,
                               .open_fds = 21,
                               .max_fds = 1024};
  return facts;
}

}  // namespace taskleak::test
