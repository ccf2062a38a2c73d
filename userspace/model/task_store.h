// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The writer's side of the task list: by slot, where the list is by place. The
// live tasks lie densely, whatever their slots are (a target that once had a
// million tasks keeps the slots and maybe ten tasks), each at a place of its
// own for life, so that two snapshots list the survivors in the same order. A
// chunk that was shared with a snapshot is copied before it changes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/task_list.h"

namespace taskleak {

/// Tasks by slot. A Task here has its fields as last believed, also while it
/// is torn; its `site` is an index of the site index.
class TaskStore {
 public:
  /// Gives the site of a task whose shape is new.
  using SiteOf = std::function<SiteId(const Task&)>;

  explicit TaskStore(std::uint64_t order = 0);

  /// The live task of a slot.
  std::optional<Task> find(std::uint32_t slot) const;
  bool has(std::uint32_t slot) const { return place_of(slot) != kNowhere; }
  /// Replaces or adds the slot's task and what it waits on, read at `epoch`.
  void put(std::uint32_t slot, const Task& task,
           std::span<const WaitObject> waits_on, std::uint32_t epoch,
           const SiteOf& site_of);
  /// Of a live task alone; copies nothing when it is as given already.
  void set_wait(std::uint32_t slot, const WaitStart& wait);
  void set_torn(std::uint32_t slot, bool torn);
  void remove(std::uint32_t slot);
  /// Gives memory back when most places have become free; keeps the order.
  void pack();
  std::size_t live() const { return list_.size_; }

  /// Calls `visit(task)` for every live task, in the order of places.
  template <class Visitor>
  void each(Visitor&& visit) const {
    for (std::uint32_t place = 0; place < list_.places_; ++place)
      if (list_.has(place)) visit(at(place));
  }
  /// Calls `visit(shape, tasks)` for each shape and how many tasks have it,
  /// torn ones too.
  template <class Visitor>
  void each_shape(Visitor&& visit) const {
    for (std::size_t i = 0; i < shape_tasks_.size(); ++i)
      if (shape_tasks_[i] > 0) visit((*shapes_)[i], shape_tasks_[i]);
  }
  /// Calls `visit(site, wait)` for the wait of every believed task that has a
  /// site; the cheapest pass over all tasks.
  template <class Visitor>
  void each_wait(Visitor&& visit) const;

  /// Raw id and slot of every live task, sorted.
  std::vector<std::pair<std::uint64_t, std::uint32_t>> by_raw_id() const;
  /// Asks for the site of every shape again.
  void renew_sites(const SiteOf& site_of);
  /// The tasks as they are now, as of `epoch`; `site_places` is by site.
  TaskList share(std::uint32_t epoch, std::vector<SiteId> site_places);
  /// Tells apart lists whose places mean different tasks.
  std::uint64_t order() const { return list_.order_; }

 private:
  static constexpr std::uint32_t kNowhere = 0xffffffffU;
  /// Free places that are not worth the work of closing them.
  static constexpr std::size_t kSlack = 1024;

  struct ShapeHash {
    std::size_t operator()(const TaskShape& shape) const noexcept;
  };

  std::uint32_t place_of(std::uint32_t slot) const {
    return slot < slot_places_.size() ? slot_places_[slot] : kNowhere;
  }
  Task at(std::uint32_t place) const;
  TaskChunk& writable(std::uint32_t place);
  PackedTask& packed(std::uint32_t place) {
    return writable(place).tasks[place % TaskChunk::kTasks];
  }
  const PackedTask& peek(std::uint32_t place) const {
    return list_.chunk(place).tasks[place % TaskChunk::kTasks];
  }
  std::uint32_t new_place(std::uint32_t slot);
  std::uint32_t shape_of(const Task& task, const SiteOf& site_of);
  TaskList::Shapes& writable_shapes();

  TaskList list_;  ///< its shapes and site places are set when it is shared
  std::vector<bool> chunk_shared_;          ///< a snapshot may hold the chunk
  std::vector<std::uint32_t> slot_places_;  ///< by slot
  std::vector<std::uint32_t> free_;         ///< free places
  std::shared_ptr<TaskList::Shapes> shapes_;
  bool shapes_shared_ = false;
  std::unordered_map<TaskShape, std::uint32_t, ShapeHash> shape_ids_;
  std::vector<std::uint64_t> shape_tasks_;  ///< live tasks, by shape
};

template <class Visitor>
void TaskStore::each_wait(Visitor&& visit) const {
  for (std::uint32_t place = 0; place < list_.places_; ++place) {
    if (!list_.has(place)) continue;
    const PackedTask& task = peek(place);
    if (task.torn || task.source == WaitStartSource::kNone) continue;
    const SiteId site = (*shapes_)[task.shape].site;
    if (site.valid())
      visit(site, WaitStart{task.wait_start_ns, task.wait_uncertainty_ns,
                            task.source});
  }
}

}  // namespace taskleak
