// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Chooses tasks for a document; see view/json_choice.h.
#include "view/json_choice.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <tuple>
#include <utility>

#include "view/words.h"

namespace taskleak {
namespace {

/// Ids in the order of pages.
using IdKey = std::tuple<std::uint8_t, std::uint64_t, std::uint32_t>;

IdKey key_of(const TaskId& id) { return {id.runtime, id.raw, id.generation}; }

/// Which tasks belong to the listing at all.
class Filter {
 public:
  Filter(const Snapshot& snapshot, const std::string& site)
      : all_(site.empty()) {
    for (std::uint32_t i = 0; i < snapshot.sites.size(); ++i)
      if (snapshot.sites[i].id == site) site_ = SiteId{i};
  }
  bool passes(const Task& task) const {
    return all_ || (site_.valid() && task.site == site_);
  }

 private:
  bool all_;
  SiteId site_;
};

/// The `limit` smallest ids behind `after`. Holds one more at most.
JsonChoice page(const Report& report, const JsonOptions& options,
                const Filter& filter) {
  const Snapshot& at = *report.snapshot;
  std::vector<std::pair<IdKey, std::uint32_t>> smallest;  // a heap
  JsonChoice choice;
  for (const Task& task : at.tasks) {
    if (!filter.passes(task)) continue;
    ++choice.total;
    const IdKey key = key_of(task.id);
    if (options.after && key <= key_of(*options.after)) continue;
    const bool full = smallest.size() > options.limit;
    if (full && key > smallest.front().first) continue;
    if (full) {
      std::ranges::pop_heap(smallest);
      smallest.pop_back();
    }
    smallest.emplace_back(key, task.place);
    std::ranges::push_heap(smallest);
  }
  std::ranges::sort_heap(smallest);
  const bool more = smallest.size() > options.limit;
  if (more) smallest.pop_back();
  for (const auto& [key, place] : smallest) choice.places.push_back(place);
  if (more)
    choice.next = task_id_text(*at.tables, at.tasks[choice.places.back()].id);
  return choice;
}

/// All, or `max_tasks` with the leaked ones first, in the snapshot's order.
JsonChoice all(const Report& report, const JsonOptions& options,
               const Filter& filter) {
  JsonChoice choice;
  for (const Task& task : report.snapshot->tasks)
    if (filter.passes(task)) choice.places.push_back(task.place);
  choice.total = choice.places.size();
  if (options.max_tasks == 0 || options.max_tasks >= choice.places.size())
    return choice;
  std::ranges::stable_partition(choice.places, [&](std::uint32_t place) {
    return is_leak(verdict_of(report, report.snapshot->tasks[place]).verdict);
  });
  choice.places.resize(options.max_tasks);
  std::ranges::sort(choice.places);
  return choice;
}

}  // namespace

JsonChoice choose_tasks(const Report& report, const JsonOptions& options) {
  const Filter filter(*report.snapshot, options.site);
  return options.limit == 0 ? all(report, options, filter)
                            : page(report, options, filter);
}

std::optional<TaskId> parse_task_id(const SnapshotTables& tables,
                                    std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  TaskId id;
  const auto runtime = std::ranges::find(tables.runtimes, text.substr(0, slash),
                                         &RuntimeInfo::name);
  if (runtime == tables.runtimes.end()) return std::nullopt;
  id.runtime = static_cast<std::uint8_t>(runtime - tables.runtimes.begin());
  const char* const end = text.data() + text.size();
  auto parsed = std::from_chars(text.data() + slash + 1, end, id.raw);
  if (parsed.ec == std::errc{} && parsed.ptr != end && *parsed.ptr == '@')
    parsed = std::from_chars(parsed.ptr + 1, end, id.generation);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return id;
}

}  // namespace taskleak
