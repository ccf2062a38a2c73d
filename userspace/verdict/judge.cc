// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The verdict on every task: unknown where the snapshot does not say enough,
// suspect where a wait is certainly old and nothing explains it, else healthy.
// Ages count from the last moment at which the wait can have begun, so that
// uncertainty speaks for the task, never against it.
#include "verdict/judge.h"

#include <unordered_map>
#include <utility>

#include "model/reconcile.h"
#include "verdict/evidence.h"
#include "verdict/explain.h"

namespace taskleak {
namespace {

struct TaskIdHash {
  std::size_t operator()(const TaskId& id) const noexcept {
    const std::uint64_t low = id.raw + (std::uint64_t{id.generation} << 40) +
                              (std::uint64_t{id.runtime} << 56);
    return low * 0x9e3779b97f4a7c15U;
  }
};

constexpr std::uint8_t bit(Verdict verdict) {
  return static_cast<std::uint8_t>(1U << static_cast<unsigned>(verdict));
}

/// What is remembered of a task that was once held for a leak.
struct Past {
  std::uint8_t reached = 0;  ///< bit() of each verdict it ever had
  Verdict verdict = Verdict::kUnknown;
  std::uint8_t run_count = 0;  ///< of the wait that the verdict is about
  std::uint64_t epoch = 0;     ///< when it was last alive
};

using Pasts = std::unordered_map<TaskId, Past, TaskIdHash>;

/// A verdict stays as long as the wait it was passed on lasts.
bool still_holds(const Past& past, const Task& task) {
  return past.verdict == Verdict::kSuspect && !task.ran_since_last &&
         past.run_count == task.run_count;
}

class Bench {
 public:
  Bench(const Snapshot& snapshot, const Policy& policy, const Pasts& pasts)
      : snapshot_(snapshot),
        policy_(policy),
        pasts_(pasts),
        explainer_(snapshot),
        book_(snapshot, policy) {}

  TaskVerdict judge(const Task& task) {
    if (task.system) return {Verdict::kHealthy, 0};
    if (task.torn) return {Verdict::kUnknown, book_.torn()};
    if (task.state == TaskState::kUnknown)
      return {Verdict::kUnknown, book_.no_state()};
    if (task.state != TaskState::kBlocked) return {Verdict::kHealthy, 0};
    return judge_wait(task);
  }

  std::vector<std::vector<Evidence>> evidence() { return book_.write(); }

 private:
  TaskVerdict judge_wait(const Task& task) {
    if (task.wait.source == WaitStartSource::kNone)
      return {Verdict::kHealthy, 0};
    const std::int64_t age = snapshot_.taken_ns - latest_start_ns(task.wait);
    if (age < policy_.suspect_after_ns && !was_suspect(task))
      return {Verdict::kHealthy, 0};
    const WaitNature nature = explainer_.nature(task);
    if (!may_leak(nature)) return {Verdict::kHealthy, book_.explained(nature)};
    return {Verdict::kSuspect, book_.suspect(task, nature, age)};
  }

  bool was_suspect(const Task& task) const {
    const auto past = pasts_.find(task.id);
    return past != pasts_.end() && still_holds(past->second, task);
  }

  const Snapshot& snapshot_;
  const Policy& policy_;
  const Pasts& pasts_;
  Explainer explainer_;
  EvidenceBook book_;
};

void count(Report& report, const Task& task, Verdict verdict) {
  if (task.system) return;
  const auto index = static_cast<std::size_t>(verdict);
  ++report.counts[index];
  if (task.site.valid()) ++report.sites[task.site.value][index];
}

}  // namespace

struct History::Impl {
  Pasts pasts;
  VerdictCounts detections{};
};

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kHealthy: return "healthy";
    case Verdict::kSuspect: return "suspect";
    case Verdict::kProbable: return "probable";
    case Verdict::kProven: return "proven";
    case Verdict::kUnknown: return "unknown";
  }
  return "unknown";
}

bool is_leak(Verdict verdict) {
  return verdict == Verdict::kSuspect || verdict == Verdict::kProbable ||
         verdict == Verdict::kProven;
}

Report judge(std::shared_ptr<const Snapshot> snapshot, const History& history,
             const Policy& policy) {
  const Pasts& pasts = history.impl_->pasts;
  Report report{.snapshot = snapshot,
                .tasks = {},
                .sites = std::vector<VerdictCounts>(snapshot->sites.size()),
                .evidence = {},
                .detections = history.impl_->detections};
  Bench bench(*snapshot, policy, pasts);
  report.tasks.reserve(snapshot->tasks.size());
  for (const Task& task : snapshot->tasks) {
    const TaskVerdict verdict = bench.judge(task);
    report.tasks.push_back(verdict);
    count(report, task, verdict.verdict);
    if (!is_leak(verdict.verdict)) continue;
    const auto past = pasts.find(task.id);
    const bool known = past != pasts.end() &&
                       (past->second.reached & bit(verdict.verdict)) != 0;
    report.detections[static_cast<std::size_t>(verdict.verdict)] +=
        known ? 0 : 1;
  }
  const auto of = [&report](Verdict verdict) {
    return report.counts[static_cast<std::size_t>(verdict)];
  };
  report.working =
      snapshot->counts.tasks - of(Verdict::kProven) - of(Verdict::kProbable);
  report.evidence = bench.evidence();
  return report;
}

History::History() : impl_(std::make_unique<Impl>()) {}
History::History(History&&) noexcept = default;
History& History::operator=(History&&) noexcept = default;
History::~History() = default;

void History::remember(const Report& report) {
  const Snapshot& snapshot = *report.snapshot;
  Pasts& pasts = impl_->pasts;
  impl_->detections = report.detections;
  for (std::size_t i = 0; i < snapshot.tasks.size(); ++i) {
    const Task& task = snapshot.tasks[i];
    const Verdict verdict = report.tasks[i].verdict;
    if (!is_leak(verdict)) {
      if (pasts.empty()) continue;
      // One that was held for a leak is remembered while it lives, so that it
      // is not counted as another detection later.
      const auto past = pasts.find(task.id);
      if (past == pasts.end()) continue;
      past->second.epoch = snapshot.epoch;
      if (!task.torn) past->second.verdict = verdict;
      continue;
    }
    Past& past = pasts[task.id];
    past.reached |= bit(verdict);
    past.verdict = verdict;
    past.run_count = task.run_count;
    past.epoch = snapshot.epoch;
  }
  std::erase_if(pasts, [&](const auto& entry) {
    return entry.second.epoch != snapshot.epoch;
  });
}

}  // namespace taskleak
