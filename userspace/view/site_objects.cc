// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Sums up the wait objects of sites; see view/site_objects.h.
#include "view/site_objects.h"

#include <algorithm>
#include <unordered_map>

namespace taskleak {
namespace {

/// An object as one of its waiters knows it.
struct Known {
  ObjectRef ref;
  std::uint32_t place = 0;  ///< of the waiter

  auto operator<=>(const Known&) const = default;
};

/// Fills in the objects of one task, each once.
void distinct_waits(const TaskList& tasks, std::uint32_t place,
                    std::vector<Known>& refs) {
  refs.clear();
  for (const StoredWait& wait : tasks.waits(place))
    refs.push_back({wait.ref(), place});
  std::ranges::sort(refs);
  const auto twice = std::ranges::unique(refs);
  refs.erase(twice.begin(), twice.end());
}

/// `refs` has one entry for each waiter of each object.
void count_objects(const TaskList& tasks, std::vector<Known>& refs,
                   SiteObjects& objects) {
  std::ranges::sort(refs);
  for (std::size_t i = 0; i < refs.size();) {
    const std::size_t first = i;
    std::uint32_t newest = refs[first].place;
    for (; i < refs.size() && refs[i].ref == refs[first].ref; ++i)
      if (tasks.read_epoch(refs[i].place) > tasks.read_epoch(newest))
        newest = refs[i].place;
    ++objects.distinct;
    if (i - first <= objects.top_waiters) continue;
    objects.top_waiters = i - first;
    objects.top = object_of(tasks, newest, refs[first].ref);
  }
}

}  // namespace

WaitObject object_of(const TaskList& tasks, std::uint32_t place,
                     const ObjectRef& ref) {
  for (const StoredWait& wait : tasks.waits(place))
    if (wait.ref() == ref) return wait.object();
  return {.ref = ref};
}

std::vector<SiteObjects> objects_of_sites(
    const Snapshot& snapshot, std::span<const std::uint32_t> sites) {
  std::unordered_map<std::uint32_t, std::size_t> place;
  for (std::size_t i = 0; i < sites.size(); ++i) place[sites[i]] = i;
  std::vector<SiteObjects> result(sites.size());
  std::vector<std::vector<Known>> refs(sites.size());
  std::vector<Known> waits;
  for (const Task& task : snapshot.tasks) {
    const auto found = place.find(task.site.value);
    if (found == place.end()) continue;
    distinct_waits(snapshot.tasks, task.place, waits);
    SiteObjects& objects = result[found->second];
    objects.waiters += waits.empty() ? 0 : 1;
    objects.most_waits =
        std::max(objects.most_waits, static_cast<std::uint32_t>(waits.size()));
    auto& all = refs[found->second];
    all.insert(all.end(), waits.begin(), waits.end());
  }
  for (std::size_t i = 0; i < sites.size(); ++i)
    count_objects(snapshot.tasks, refs[i], result[i]);
  return result;
}

}  // namespace taskleak
