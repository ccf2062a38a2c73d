// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Sites of all tasks and the events joined to them; see site_index.h.
#include "model/site_index.h"

#include <algorithm>
#include <map>
#include <utility>

#include "model/site.h"

namespace taskleak {
namespace {

void add_histogram(WaitHistogram& sum, const WaitHistogram& more) {
  sum.count += more.count;
  sum.sum_ns += more.sum_ns;
  for (std::size_t i = 0; i < sum.buckets.size(); ++i)
    sum.buckets[i] += more.buckets[i];
}

bool is_older(const WaitStart& a, const WaitStart& b) {
  if (a.source == WaitStartSource::kNone) return false;
  return b.source == WaitStartSource::kNone || a.start_ns < b.start_ns;
}

}  // namespace

SiteEvents join_sites(const EventSummary& events, const Names& names) {
  SiteEvents joined;
  for (const EventSite& site : events.sites) {
    const std::optional<FrameId> frame = names.frame_of(site.pc);
    if (!frame || !frame->valid()) continue;
    EventSite& sum = joined[names.hash(*frame)];
    sum.created += site.created;
    sum.ended += site.ended;
  }
  return joined;
}

std::vector<WaitSeries> join_waits(const EventSummary& events,
                                   const Names& names) {
  std::map<std::pair<std::uint64_t, std::uint64_t>, WaitSeries> joined;
  for (const EventWaits& waits : events.waits) {
    const std::optional<FrameId> frame = names.frame_of(waits.pc);
    if (!frame || !frame->valid()) continue;
    if (waits.raw_reason >= names.sizes().reasons) continue;
    WaitSeries& series = joined[{names.hash(*frame), waits.raw_reason}];
    series.created_at = *frame;
    series.reason = ReasonId{static_cast<std::uint32_t>(waits.raw_reason)};
    add_histogram(series.histogram, waits.histogram);
  }
  std::vector<WaitSeries> list;
  list.reserve(joined.size());
  for (const auto& [key, series] : joined) list.push_back(series);
  return list;
}

SiteId SiteIndex::intern(const Task& task, const Names& names) {
  const bool blocked = task.state == TaskState::kBlocked;
  const FrameId blocked_at =
      blocked ? names.blocked_at(task.stack) : FrameId::none();
  const ReasonId reason = blocked ? task.reason : ReasonId::none();
  const std::uint64_t key =
      site_key(names.runtime_hash(task.id.runtime), names.hash(task.created_at),
               names.hash(blocked_at), names.hash(reason));
  const SiteId next{static_cast<std::uint32_t>(sites_.size())};
  const auto [found, is_new] = by_key_.try_emplace(key, next);
  if (!is_new) return found->second;
  Site& site = sites_.emplace_back();
  site.runtime = task.id.runtime;
  site.created_at = task.created_at;
  site.blocked_at = blocked_at;
  site.reason = reason;
  keys_.push_back(key);
  return next;
}

void SiteIndex::clear() { *this = SiteIndex(); }

void SiteIndex::begin_count() {
  for (Site& site : sites_) {
    site.tasks = 0;
    site.oldest_wait = WaitStart{};
  }
}

void SiteIndex::add(SiteId id, const WaitStart& wait) {
  Site& site = sites_[id.value];
  if (is_older(wait, site.oldest_wait)) site.oldest_wait = wait;
}

std::vector<Site> SiteIndex::list(const Names& names,
                                  const SiteEvents& events) {
  std::vector<std::uint32_t> order;
  for (std::uint32_t i = 0; i < sites_.size(); ++i)
    if (sites_[i].tasks > 0) order.push_back(i);
  std::sort(order.begin(), order.end(), [this](auto a, auto b) {
    return std::pair(sites_[b].tasks, keys_[a]) <
           std::pair(sites_[a].tasks, keys_[b]);
  });
  places_.assign(sites_.size(), SiteId::none());
  std::vector<Site> listed;
  listed.reserve(order.size());
  for (const std::uint32_t i : order) {
    places_[i] = SiteId{static_cast<std::uint32_t>(listed.size())};
    Site& site = listed.emplace_back(sites_[i]);
    site.id = site_id(keys_[i]);
    const auto counted = events.find(names.hash(site.created_at));
    if (!site.created_at.valid() || counted == events.end()) continue;
    site.created = static_cast<std::int64_t>(counted->second.created);
    site.finished = static_cast<std::int64_t>(counted->second.ended);
  }
  return listed;
}

}  // namespace taskleak
