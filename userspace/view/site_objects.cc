// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Sums up the wait objects of sites; see view/site_objects.h.
#include "view/site_objects.h"

#include <algorithm>
#include <unordered_map>

namespace taskleak {
namespace {

/// The objects of one task, each once.
std::vector<ObjectRef> distinct_waits(const Snapshot& snapshot,
                                      const Task& task) {
  const std::size_t end = std::size_t{task.first_wait} + task.wait_count;
  if (end > snapshot.waits.size()) return {};
  const auto waits =
      std::span(snapshot.waits).subspan(task.first_wait, task.wait_count);
  std::vector<ObjectRef> refs(waits.begin(), waits.end());
  std::ranges::sort(refs);
  const auto twice = std::ranges::unique(refs);
  refs.erase(twice.begin(), twice.end());
  return refs;
}

/// `refs` has one entry for each waiter of each object.
void count_objects(std::vector<ObjectRef>& refs, SiteObjects& objects) {
  std::ranges::sort(refs);
  for (std::size_t i = 0; i < refs.size();) {
    const std::size_t first = i;
    while (i < refs.size() && refs[i] == refs[first]) ++i;
    ++objects.distinct;
    if (i - first <= objects.top_waiters) continue;
    objects.top_waiters = i - first;
    objects.top = refs[first];
  }
}

}  // namespace

std::vector<SiteObjects> objects_of_sites(
    const Snapshot& snapshot, std::span<const std::uint32_t> sites) {
  std::unordered_map<std::uint32_t, std::size_t> place;
  for (std::size_t i = 0; i < sites.size(); ++i) place[sites[i]] = i;
  std::vector<SiteObjects> result(sites.size());
  std::vector<std::vector<ObjectRef>> refs(sites.size());
  for (const Task& task : snapshot.tasks) {
    const auto found = place.find(task.site.value);
    if (found == place.end() || task.wait_count == 0) continue;
    const std::vector<ObjectRef> waits = distinct_waits(snapshot, task);
    SiteObjects& objects = result[found->second];
    objects.waiters += waits.empty() ? 0 : 1;
    objects.most_waits =
        std::max(objects.most_waits, static_cast<std::uint32_t>(waits.size()));
    auto& all = refs[found->second];
    all.insert(all.end(), waits.begin(), waits.end());
  }
  for (std::size_t i = 0; i < sites.size(); ++i)
    count_objects(refs[i], result[i]);
  return result;
}

const WaitObject* object_at(const Snapshot& snapshot, const ObjectRef& ref) {
  const auto found = std::ranges::find(snapshot.objects, ref, &WaitObject::ref);
  return found == snapshot.objects.end() ? nullptr : &*found;
}

}  // namespace taskleak
