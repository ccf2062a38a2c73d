// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The cost of a class shows only while it is attached, so a detached one is
// simply tried: an attempt that fails costs two ticks at most, a dear one less,
// and with ever longer pauses between attempts the average stays within the
// budget.
#include "kernel/governor.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/clock.h"

namespace taskleak {
namespace {

ProbeClass class_of(ProbeProgram program) {
  switch (program) {
    case ProbeProgram::kGoCreate:
    case ProbeProgram::kGoEnd: return ProbeClass::kLifecycle;
    case ProbeProgram::kGoPark:
    case ProbeProgram::kGoReady: return ProbeClass::kWait;
  }
  return ProbeClass::kWait;
}

std::size_t index_of(int program) {
  return static_cast<std::size_t>(class_of(static_cast<ProbeProgram>(program)));
}

/// Index of the attached class that cost most, -1 when none is attached.
int dearest_attached(const std::array<double, kProbeClasses>& costs,
                     const std::array<bool, kProbeClasses>& attached) {
  int dearest = -1;
  for (int i = 0; i < kProbeClasses; ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (attached[at] &&
        (dearest < 0 || costs[at] > costs[static_cast<std::size_t>(dearest)]))
      dearest = i;
  }
  return dearest;
}

}  // namespace

Governor::Governor(double budget_ratio,
                   std::array<double, kProbePrograms> cost_per_hit_ns)
    : budget_ratio_(budget_ratio), cost_per_hit_ns_(cost_per_hit_ns) {}

Governor::ClassCosts Governor::costs_since_last(const ProbeHits& hits) const {
  ClassCosts costs{};
  for (int i = 0; i < kProbePrograms; ++i) {
    const auto at = static_cast<std::size_t>(i);
    // fewer than before: another target or a new start, all of them new
    const std::uint64_t fresh =
        hits[at] >= last_hits_[at] ? hits[at] - last_hits_[at] : hits[at];
    costs[index_of(i)] += static_cast<double>(fresh) * cost_per_hit_ns_[at];
  }
  return costs;
}

void Governor::remember(const Sample& sample) {
  window_.push_back(sample);
  std::int64_t elapsed = 0;
  for (const Sample& s : window_) elapsed += s.elapsed_ns;
  while (window_.size() > 1 &&
         elapsed - window_.front().elapsed_ns >= kWindowNs) {
    elapsed -= window_.front().elapsed_ns;
    window_.pop_front();
  }
}

void Governor::note_attached(std::int64_t now_ns,
                             const std::array<bool, kProbeClasses>& attached) {
  for (std::size_t i = 0; i < kProbeClasses; ++i)
    if (!attached[i]) {
      classes_[i].attached_at_ns = 0;
      classes_[i].spent_ns = 0;
    } else if (classes_[i].attached_at_ns == 0) {
      classes_[i].attached_at_ns = now_ns;
    }
}

bool Governor::on_trial(const ClassState& state, std::int64_t now_ns) const {
  return state.attached_at_ns != 0 && now_ns - state.attached_at_ns < kTrialNs;
}

std::int64_t Governor::next_tick_ns(std::int64_t now_ns) const {
  const bool trial = std::ranges::any_of(
      classes_, [&](const ClassState& s) { return on_trial(s, now_ns); });
  return now_ns + (trial ? kTrialTickNs : kTickNs);
}

std::optional<GovernorAction> Governor::end_trial(std::int64_t now_ns) {
  const double allowed_ns = budget_ratio_ * static_cast<double>(kTrialNs);
  std::size_t dearest = 0;
  for (std::size_t i = 1; i < kProbeClasses; ++i)
    if (classes_[i].spent_ns > classes_[dearest].spent_ns) dearest = i;
  const ClassState& state = classes_[dearest];
  const std::int64_t elapsed_ns = now_ns - state.attached_at_ns;
  if (!on_trial(state, now_ns) || elapsed_ns <= 0 ||
      state.spent_ns <= allowed_ns)
    return std::nullopt;
  // Its cost was the target's, but the other classes answer for theirs alone.
  remember({0, std::exchange(pending_[dearest], 0)});
  ticks_above_ = 0;
  return detach(static_cast<int>(dearest), now_ns,
                state.spent_ns / static_cast<double>(elapsed_ns));
}

double Governor::target_ratio() const {
  Sample sum;
  for (const Sample& s : window_) {
    sum.elapsed_ns += s.elapsed_ns;
    sum.cost_ns += s.cost_ns;
  }
  return sum.elapsed_ns > 0 ? sum.cost_ns / static_cast<double>(sum.elapsed_ns)
                            : 0;
}

std::optional<GovernorAction> Governor::tick(
    std::int64_t now_ns, const ProbeHits& hits,
    const std::array<bool, kProbeClasses>& attached) {
  const ClassCosts fresh = costs_since_last(hits);
  const std::int64_t elapsed_ns = now_ns - last_ns_;
  last_hits_ = hits;
  note_attached(now_ns, attached);
  if (last_ns_ == 0) {
    last_ns_ = now_ns;
    return std::nullopt;
  }
  for (std::size_t i = 0; i < kProbeClasses; ++i) {
    pending_[i] += fresh[i];
    if (attached[i]) classes_[i].spent_ns += fresh[i];
  }
  if (budget_ratio_ > 0)
    if (auto action = end_trial(now_ns)) return action;
  if (elapsed_ns < kTickNs) return std::nullopt;
  last_ns_ = now_ns;
  const ClassCosts costs = std::exchange(pending_, {});

  const double cost_ns = std::accumulate(costs.begin(), costs.end(), 0.0);
  remember({elapsed_ns, cost_ns});
  const auto elapsed = static_cast<double>(elapsed_ns);
  const double ratio = cost_ns / elapsed;
  ticks_above_ = ratio > budget_ratio_ ? ticks_above_ + 1 : 0;
  const bool too_much = budget_ratio_ <= 0 || ticks_above_ >= kTicksAbove ||
                        ratio > kFarAbove * budget_ratio_;
  const int dearest = dearest_attached(costs, attached);
  if (too_much && dearest >= 0) {
    ticks_above_ = 0;
    return detach(dearest, now_ns,
                  costs[static_cast<std::size_t>(dearest)] / elapsed);
  }
  if (budget_ratio_ <= 0) return std::nullopt;
  return retry(now_ns, ratio, attached);
}

GovernorAction Governor::detach(int index, std::int64_t now_ns, double ratio) {
  ClassState& state = classes_[static_cast<std::size_t>(index)];
  const bool calm =
      state.attached_at_ns != 0 && now_ns - state.attached_at_ns >= kCalmNs;
  state.backoff_ns = calm || state.backoff_ns == 0
                         ? kFirstRetryNs
                         : std::min(2 * state.backoff_ns, kLastRetryNs);
  state.ours = true;
  state.cost_ratio = ratio;
  state.retry_at_ns = now_ns + state.backoff_ns;
  GovernorAction action{.probe_class = static_cast<ProbeClass>(index),
                        .attach = false,
                        .why = ""};
  action.why = budget_ratio_ <= 0
                   ? "the overhead budget is 0"
                   : fmt::format(
                         "costs {:.2g} % of a core, budget {:.2g} %; "
                         "next try in {} s",
                         100 * ratio, 100 * budget_ratio_,
                         state.backoff_ns / kNsPerSecond);
  return action;
}

std::optional<GovernorAction> Governor::retry(
    std::int64_t now_ns, double ratio,
    const std::array<bool, kProbeClasses>& attached) {
  int best = -1;
  for (std::size_t i = 0; i < kProbeClasses; ++i) {
    ClassState& state = classes_[i];
    if (attached[i] || !state.ours || now_ns + kSettleNs < state.retry_at_ns)
      continue;
    if (best < 0 ||
        state.cost_ratio < classes_[static_cast<std::size_t>(best)].cost_ratio)
      best = static_cast<int>(i);
  }
  if (best < 0 || ratio > kRoomShare * budget_ratio_ ||
      now_ns - last_attach_ns_ < kSettleNs)
    return std::nullopt;
  ClassState& state = classes_[static_cast<std::size_t>(best)];
  // the cheaper one goes first, even when it is due a moment later
  if (now_ns < state.retry_at_ns) return std::nullopt;
  const std::int64_t waited_ns = state.backoff_ns;
  // should attaching fail, the next try comes as late again
  state.retry_at_ns = now_ns + state.backoff_ns;
  last_attach_ns_ = now_ns;
  state.attached_at_ns = now_ns;  // undone by the next tick, should it fail
  return GovernorAction{
      .probe_class = static_cast<ProbeClass>(best),
      .attach = true,
      .why = fmt::format("tried again after {} s", waited_ns / kNsPerSecond)};
}

}  // namespace taskleak
