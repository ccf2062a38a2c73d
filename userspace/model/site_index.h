// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Groups tasks by site. While the model lives a site keeps its index here, so
// that an epoch only counts; a snapshot then gets those that have tasks, most
// first. Sites with equal names are one site, whatever ids their frames have.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "model/names.h"
#include "model/snapshot.h"

namespace taskleak {

/// Created and ended tasks of one creation site, by frame hash.
using SiteEvents = std::unordered_map<std::uint64_t, EventSite>;

/// Joins what events counted by address with the names of the addresses; those
/// that have none yet are left out until they have.
SiteEvents join_sites(const EventSummary& events, const Names& names);
/// The same for waits: one series for each creation site and reason.
std::vector<WaitSeries> join_waits(const EventSummary& events,
                                   const Names& names);

class SiteIndex {
 public:
  /// Index of the site of a task with these traits.
  SiteId intern(const Task& task, const Names& names);
  std::size_t size() const { return sites_.size(); }
  void clear();

  /// Counting for one snapshot: begin, add user tasks and their waits, list.
  void begin_count();
  void add(SiteId site, std::uint64_t tasks) {
    sites_[site.value].tasks += tasks;
  }
  void add(SiteId site, const WaitStart& wait);
  /// Sites with tasks, most tasks first, ties by id.
  std::vector<Site> list(const Names& names, const SiteEvents& events);
  /// Where list() put each site.
  const std::vector<SiteId>& places() const { return places_; }

 private:
  std::vector<Site> sites_;
  std::vector<std::uint64_t> keys_;
  std::vector<SiteId> places_;
  std::unordered_map<std::uint64_t, SiteId> by_key_;
};

}  // namespace taskleak
