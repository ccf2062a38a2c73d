// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The daemon's loop; see daemon/collector.h.
#include "daemon/collector.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/self.h"

namespace taskleak {
namespace {

// With probes the first epoch waits so long for the governor: it reads
// everything, and meanwhile nobody would look at what the probes cost.
constexpr std::int64_t kFirstLookNs = 150 * kNsPerMs;
// Epochs of --once: as many as tell "ran" from "did not run", no more.
constexpr int kOnceEpochs = 3;

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

/// Share of one core. A reader that ended took its CPU time out of the sum:
/// less than nothing counts as nothing.
double share(std::int64_t cpu_ns, std::int64_t wall_ns) {
  if (wall_ns <= 0 || cpu_ns <= 0) return 0;
  return static_cast<double>(cpu_ns) / static_cast<double>(wall_ns);
}

/// Errors after which this target will not come back.
bool is_final(const Error& error) {
  switch (error.code()) {
    case Errc::kGone:
    case Errc::kDenied:
    case Errc::kNotFound:
    case Errc::kUnsupported: return true;
    default: return false;
  }
}

}  // namespace

void block_signals() {
  const sigset_t set = watched_signals();
  sigprocmask(SIG_BLOCK, &set, nullptr);
  // A client that hangs up must not end the daemon.
  std::signal(SIGPIPE, SIG_IGN);
}

Collector::Collector(const Options& options,
                     std::vector<std::unique_ptr<Watch>> watches)
    : options_(options),
      watches_(std::move(watches)),
      interval_{options.interval_ns},
      start_unix_ns_(monotonic_now_ns() + wall_offset_ns()) {
  const sigset_t set = watched_signals();
  signals_ = Fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

Collector::Wake Collector::wait_until(std::int64_t due_ns) {
  std::vector<pollfd> fds = {{signals_.get(), POLLIN, 0}};
  for (const auto& watch : watches_) fds.push_back({watch->pidfd(), POLLIN, 0});
  for (;;) {
    const std::int64_t now_ns = monotonic_now_ns();
    if (now_ns >= due_ns) return Wake::kTimer;
    std::int64_t wake_ns = due_ns;
    for (const auto& watch : watches_)
      if (watch->has_probes())
        wake_ns = std::min(wake_ns, watch->govern_again_ns(now_ns));
    const std::int64_t nap_ns = wake_ns - now_ns;
    const timespec timeout{.tv_sec = nap_ns / kNsPerSecond,
                           .tv_nsec = nap_ns % kNsPerSecond};
    if (ppoll(fds.data(), fds.size(), &timeout, nullptr) > 0)
      return fds[0].revents != 0 ? Wake::kSignal : Wake::kTargetEnded;
    for (const auto& watch : watches_) watch->govern(monotonic_now_ns());
  }
}

std::int64_t Collector::first_look_ns() const {
  return std::ranges::any_of(
             watches_, [](const auto& watch) { return watch->has_probes(); })
             ? kFirstLookNs
             : 0;
}

std::int64_t Collector::cpu_used_ns() const {
  std::vector<pid_t> readers;
  for (const auto& watch : watches_) readers.push_back(watch->reader_pid());
  return cpu_time_with_children_ns(readers);
}

double Collector::overhead_ratio() {
  const std::int64_t now_ns = monotonic_now_ns();
  const std::int64_t cpu_ns = cpu_used_ns();
  const std::int64_t wall_ns = now_ns - std::exchange(cpu_at_ns_, now_ns);
  const std::int64_t used_ns = cpu_ns - std::exchange(cpu_ns_, cpu_ns);
  return share(used_ns, wall_ns);
}

void Collector::drop(std::size_t index, const Error& error) {
  const pid_t pid = watches_[index]->pid();
  log(LogLevel::kWarn, "target lost",
      {{"pid", std::to_string(pid)}, {"err", error.message()}});
  down_[pid] = error.message();
  last_error_ = error;
  watches_.erase(watches_.begin() + static_cast<std::ptrdiff_t>(index));
}

void Collector::epoch() {
  const double ratio = overhead_ratio();
  const std::int64_t begin_cpu_ns = cpu_ns_;
  const bool first = last_epoch_ns_ == 0;
  // What clients and the governor cost since the epoch before.
  const double other_ratio = first ? 0
                                   : share(begin_cpu_ns - epoch_end_cpu_ns_,
                                           cpu_at_ns_ - last_epoch_ns_);
  for (std::size_t i = watches_.size(); i-- > 0;) {
    const Status status = watches_[i]->epoch(first ? 0 : ratio);
    if (status) continue;
    if (is_final(status.error())) {
      drop(i, status.error());
      continue;
    }
    log(LogLevel::kWarn, "epoch failed; the next one starts a new reader",
        {{"pid", std::to_string(watches_[i]->pid())},
         {"err", status.error().message()}});
  }
  last_epoch_ns_ = monotonic_now_ns();
  // The first epoch reads everything once and says nothing of later ones.
  if (!first) set_interval(begin_cpu_ns, other_ratio);
  epoch_end_cpu_ns_ = cpu_used_ns();
}

void Collector::set_interval(std::int64_t begin_cpu_ns, double other_ratio) {
  const IntervalReason before = interval_.reason;
  interval_ = next_interval({.asked_ns = options_.interval_ns,
                             .budget = options_.overhead_budget,
                             .epoch_cpu_ns = cpu_used_ns() - begin_cpu_ns,
                             .other_ratio = other_ratio});
  if (interval_.reason == before) return;
  log(LogLevel::kInfo, "another interval between epochs",
      {{"seconds", fmt::format("{:.1f}", static_cast<double>(interval_.ns) /
                                             kNsPerSecond)},
       {"why", std::string(interval_reason_name(interval_.reason))}});
}

void Collector::publish(Published<World>& world) const {
  World next;
  for (const auto& watch : watches_) {
    if (watch->latest() != nullptr)
      next.reports.push_back(watch->latest());
    else
      next.down[watch->pid()] = "no epoch has succeeded yet";
  }
  next.down.insert(down_.begin(), down_.end());
  next.targets = watches_.size() + down_.size();
  next.interval = interval_;
  next.last_epoch_ns = last_epoch_ns_;
  next.daemon_start_unix_ns = start_unix_ns_;
  world.set(std::move(next));
}

Status Collector::run(Published<World>& world) {
  overhead_ratio();
  std::int64_t due_ns = monotonic_now_ns() + first_look_ns();
  while (!watches_.empty()) {
    switch (wait_until(due_ns)) {
      case Wake::kSignal: return {};
      case Wake::kTargetEnded:  // the epoch finds out which
      case Wake::kTimer: break;
    }
    const std::int64_t begin_ns = monotonic_now_ns();
    epoch();
    publish(world);
    due_ns = begin_ns + interval_.ns;
  }
  return std::unexpected(last_error_);
}

Result<std::shared_ptr<const Report>> Collector::run_once() {
  Watch& watch = *watches_.front();
  const std::int64_t begin_ns = monotonic_now_ns();
  const int epochs = options_.for_ns == 0 ? 1 : kOnceEpochs;
  for (int i = 0; i < epochs; ++i) {
    const std::int64_t due_ns =
        begin_ns + first_look_ns() +
        (epochs == 1 ? 0 : options_.for_ns * i / (epochs - 1));
    // What was seen so far is worth more than nothing when asked to stop.
    if (wait_until(due_ns) == Wake::kSignal && watch.latest() != nullptr) break;
    TRY(watch.epoch(overhead_ratio()));
  }
  return watch.latest();
}

}  // namespace taskleak
