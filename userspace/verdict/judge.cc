// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The verdict on every task: unknown where the snapshot does not say enough,
// suspect where a wait is certainly old and nothing explains it, else healthy.
// Ages count from the last moment at which the wait can have begun, so that
// uncertainty speaks for the task, never against it.
#include "verdict/judge.h"

#include <algorithm>
#include <cstddef>
#include <tuple>
#include <utility>

#include "model/reconcile.h"
#include "verdict/evidence.h"
#include "verdict/explain.h"
#include "verdict/past_table.h"

namespace taskleak {
namespace {

constexpr std::uint8_t bit(Verdict verdict) {
  return static_cast<std::uint8_t>(1U << static_cast<unsigned>(verdict));
}

/// A verdict stays as long as the wait it was passed on lasts.
bool still_holds(const Past& past, const Task& task) {
  return past.verdict == Verdict::kSuspect && !task.ran_since_last &&
         past.run_count == task.run_count;
}

class Bench {
 public:
  Bench(const Snapshot& snapshot, const Policy& policy, const PastTable& pasts)
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
    const Past* past = pasts_.find(task);
    return past != nullptr && still_holds(*past, task);
  }

  const Snapshot& snapshot_;
  const Policy& policy_;
  const PastTable& pasts_;
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
  bool fits(const TaskList& tasks) const { return order == tasks.order(); }
  /// What is remembered of these tasks at their places; empty when it lies
  /// there already.
  PastTable moved_to(const TaskList& tasks) const;

  PastTable pasts;
  std::uint64_t order = 0;  ///< TaskList::order() that its places are of
  VerdictCounts detections{};
};

PastTable History::Impl::moved_to(const TaskList& tasks) const {
  PastTable moved;
  if (fits(tasks)) return moved;
  std::vector<Past> known = pasts.all();
  const auto key = [](const Past& past) {
    return std::tuple(past.raw_id, past.generation, past.runtime);
  };
  std::ranges::sort(known, {}, key);
  for (const Task& task : tasks) {
    const std::tuple wanted(task.id.raw, task.id.generation, task.id.runtime);
    const auto found = std::ranges::lower_bound(known, wanted, {}, key);
    if (found != known.end() && key(*found) == wanted)
      moved.put(task.place, *found);
  }
  return moved;
}

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

Report judge(const std::shared_ptr<const Snapshot>& snapshot,
             const History& history, const Policy& policy) {
  const PastTable moved = history.impl_->moved_to(snapshot->tasks);
  const PastTable& pasts =
      history.impl_->fits(snapshot->tasks) ? history.impl_->pasts : moved;
  Report report{.snapshot = snapshot,
                .tasks = std::vector<TaskVerdict>(snapshot->tasks.places()),
                .sites = std::vector<VerdictCounts>(snapshot->sites.size()),
                .evidence = {},
                .detections = history.impl_->detections};
  Bench bench(*snapshot, policy, pasts);
  for (const Task& task : snapshot->tasks) {
    const TaskVerdict verdict = bench.judge(task);
    report.tasks[task.place] = verdict;
    count(report, task, verdict.verdict);
    if (!is_leak(verdict.verdict)) continue;
    const Past* past = pasts.find(task);
    const bool known =
        past != nullptr && (past->reached & bit(verdict.verdict)) != 0;
    report.detections[static_cast<std::size_t>(verdict.verdict)] +=
        known ? 0 : 1;
  }
  if (snapshot->counts.count_only)
    report.counts[static_cast<std::size_t>(Verdict::kUnknown)] =
        snapshot->counts.tasks;
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

namespace {

/// What to remember of a task after its verdict; `reached` 0: nothing.
Past after(const Task& task, Verdict verdict, const Past* before) {
  Past past = before != nullptr ? *before
                                : Past{.raw_id = task.id.raw,
                                       .generation = task.id.generation,
                                       .runtime = task.id.runtime};
  if (is_leak(verdict)) {
    past.reached |= bit(verdict);
    past.run_count = task.run_count;
  }
  // A torn task is no evidence: its last verdict waits for it.
  if (!task.torn) past.verdict = verdict;
  return past;
}

}  // namespace

void History::remember(const Report& report) {
  const TaskList& tasks = report.snapshot->tasks;
  PastTable& pasts = impl_->pasts;
  if (!impl_->fits(tasks)) pasts = impl_->moved_to(tasks);
  impl_->order = tasks.order();
  // One that was held for a leak is remembered while it lives, so that it is
  // not another detection later; the dead are forgotten.
  for (std::uint32_t place = 0; place < tasks.places(); ++place) {
    if (!tasks.has(place)) {
      pasts.put(place, {});
      continue;
    }
    const Task task = tasks[place];
    pasts.put(place,
              after(task, report.tasks[place].verdict, pasts.find(task)));
  }
  impl_->detections = report.detections;
}

}  // namespace taskleak
