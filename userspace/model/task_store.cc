// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Places, chunks and shapes of the live tasks; see task_store.h.
#include "model/task_store.h"

#include <algorithm>
#include <utility>

namespace taskleak {
namespace {

/// Entries of waits without a task that a chunk may have beside those in use.
constexpr std::uint32_t kGapsOfChunk = 256;
/// Vectors of a chunk grow by this: doubling would waste half of the last one.
constexpr std::size_t kGrowth = 256;

template <class T>
void make_room(std::vector<T>& list, std::size_t more) {
  const std::size_t need = list.size() + more;
  if (need > list.capacity())
    list.reserve(list.size() < kGrowth ? std::max(need, 2 * list.size())
                                       : std::max(need, list.size() + kGrowth));
}

void close_gaps(TaskChunk& chunk) {
  std::vector<StoredWait> packed;
  packed.reserve(chunk.waits.size() - chunk.gaps);
  for (std::uint32_t i = 0; i < chunk.tasks.size(); ++i) {
    if (!chunk.live[i]) continue;
    PackedTask& task = chunk.tasks[i];
    const auto from = chunk.waits.begin() + task.first_wait;
    task.first_wait = static_cast<std::uint32_t>(packed.size());
    packed.insert(packed.end(), from, from + task.wait_count);
  }
  chunk.waits = std::move(packed);
  chunk.gaps = 0;
}

/// Puts a task's waits where its former ones lay, if there is room for them.
void put_waits(TaskChunk& chunk, PackedTask& task,
               std::span<const WaitObject> waits_on) {
  if (waits_on.size() > task.wait_count) {
    chunk.gaps += task.wait_count;
    task.wait_count = 0;
    if (chunk.gaps > kGapsOfChunk && chunk.gaps > chunk.waits.size() / 2)
      close_gaps(chunk);
    task.first_wait = static_cast<std::uint32_t>(chunk.waits.size());
    make_room(chunk.waits, waits_on.size());
    chunk.waits.resize(chunk.waits.size() + waits_on.size());
  } else {
    chunk.gaps += task.wait_count - static_cast<std::uint32_t>(waits_on.size());
  }
  task.wait_count = static_cast<std::uint16_t>(waits_on.size());
  for (std::size_t i = 0; i < waits_on.size(); ++i)
    chunk.waits[task.first_wait + i] = StoredWait(waits_on[i]);
}

void drop_extra(TaskChunk& chunk, std::uint32_t index) {
  const auto found =
      std::ranges::lower_bound(chunk.extras, index, {}, &TaskExtra::index);
  if (found != chunk.extras.end() && found->index == index)
    chunk.extras.erase(found);
}

void put_extra(TaskChunk& chunk, std::uint32_t index, const Task& task) {
  PackedTask& packed = chunk.tasks[index];
  if (packed.has_extra) drop_extra(chunk, index);
  packed.has_extra = task.deadline_ns != 0 || task.id.generation != 0;
  if (!packed.has_extra) return;
  const auto at =
      std::ranges::lower_bound(chunk.extras, index, {}, &TaskExtra::index);
  chunk.extras.insert(at, {index, task.id.generation, task.deadline_ns});
}

void set_wait_of(PackedTask& packed, const WaitStart& wait) {
  packed.wait_start_ns = wait.start_ns;
  packed.wait_uncertainty_ns = wait.uncertainty_ns;
  packed.source = wait.source;
}

}  // namespace

std::size_t TaskStore::ShapeHash::operator()(
    const TaskShape& shape) const noexcept {
  std::uint64_t hash = shape.stack.value;
  const auto mix = [&hash](std::uint64_t more) {
    hash = (hash ^ hash >> 29) * 0x9e3779b97f4a7c15U + more;
  };
  mix(shape.created_at.value);
  mix(shape.reason.value);
  mix(static_cast<std::uint64_t>(shape.state) << 9 | shape.runtime << 1 |
      (shape.system ? 1U : 0U));
  return hash ^ hash >> 32;
}

TaskStore::TaskStore(std::uint64_t order)
    : shapes_(std::make_shared<TaskList::Shapes>()) {
  list_.order_ = order;
}

Task TaskStore::at(std::uint32_t place) const {
  const TaskChunk& chunk = list_.chunk(place);
  const std::uint32_t index = place % TaskChunk::kTasks;
  Task task = unpack_task(chunk, index, (*shapes_)[chunk.tasks[index].shape]);
  task.place = place;
  return task;
}

std::optional<Task> TaskStore::find(std::uint32_t slot) const {
  const std::uint32_t place = place_of(slot);
  if (place == kNowhere) return std::nullopt;
  return at(place);
}

TaskChunk& TaskStore::writable(std::uint32_t place) {
  const std::size_t index = place / TaskChunk::kTasks;
  if (index == list_.chunks_.size()) {
    list_.chunks_.push_back(std::make_shared<TaskChunk>());
    chunk_shared_.push_back(false);
  } else if (chunk_shared_[index]) {
    list_.chunks_[index] =
        std::make_shared<TaskChunk>(std::as_const(*list_.chunks_[index]));
    chunk_shared_[index] = false;
  }
  return *list_.chunks_[index];
}

TaskList::Shapes& TaskStore::writable_shapes() {
  if (shapes_shared_) shapes_ = std::make_shared<TaskList::Shapes>(*shapes_);
  shapes_shared_ = false;
  return *shapes_;
}

std::uint32_t TaskStore::shape_of(const Task& task, const SiteOf& site_of) {
  TaskShape shape{.reason = task.reason,
                  .created_at = task.created_at,
                  .stack = task.stack,
                  .site = {},
                  .state = task.state,
                  .system = task.system,
                  .runtime = task.id.runtime};
  const auto next = static_cast<std::uint32_t>(shapes_->size());
  const auto [found, is_new] = shape_ids_.try_emplace(shape, next);
  if (!is_new) {
    // renew_sites() took the sites of shapes that no task had.
    if (!task.system && !(*shapes_)[found->second].site.valid())
      writable_shapes()[found->second].site = site_of(task);
    return found->second;
  }
  if (!task.system) shape.site = site_of(task);
  writable_shapes().push_back(shape);
  shape_tasks_.push_back(0);
  return next;
}

std::uint32_t TaskStore::new_place(std::uint32_t slot) {
  if (slot >= slot_places_.size()) slot_places_.resize(slot + 1, kNowhere);
  std::uint32_t place = list_.places_;
  if (free_.empty()) {
    TaskChunk& chunk = writable(place);
    make_room(chunk.tasks, 1);
    chunk.tasks.emplace_back();
    ++list_.places_;
  } else {
    place = free_.back();
    free_.pop_back();
  }
  writable(place).live[place % TaskChunk::kTasks] = true;
  ++list_.size_;
  return slot_places_[slot] = place;
}

void TaskStore::put(std::uint32_t slot, const Task& task,
                    std::span<const WaitObject> waits_on, std::uint32_t epoch,
                    const SiteOf& site_of) {
  const std::uint32_t shape = shape_of(task, site_of);
  std::uint32_t place = place_of(slot);
  if (place == kNowhere)
    place = new_place(slot);
  else
    --shape_tasks_[peek(place).shape];
  ++shape_tasks_[shape];
  TaskChunk& chunk = writable(place);
  const std::uint32_t index = place % TaskChunk::kTasks;
  PackedTask& packed = chunk.tasks[index];
  packed.raw_id = task.id.raw;
  packed.parent_raw_id = task.parent_raw_id;
  packed.record = task.record;
  set_wait_of(packed, task.wait);
  packed.shape = shape;
  packed.labels = task.labels;
  packed.read_epoch = epoch;
  packed.slot = slot;
  packed.run_count = task.run_count;
  packed.torn = task.torn;
  packed.ran = task.ran_since_last;
  put_extra(chunk, index, task);
  put_waits(chunk, packed, waits_on);
}

void TaskStore::set_wait(std::uint32_t slot, const WaitStart& wait) {
  const std::uint32_t place = place_of(slot);
  const PackedTask& is = peek(place);
  if (WaitStart{is.wait_start_ns, is.wait_uncertainty_ns, is.source} != wait)
    set_wait_of(packed(place), wait);
}

void TaskStore::set_torn(std::uint32_t slot, bool torn) {
  const std::uint32_t place = place_of(slot);
  if (peek(place).torn != torn) packed(place).torn = torn;
}

void TaskStore::remove(std::uint32_t slot) {
  const std::uint32_t place = place_of(slot);
  if (place == kNowhere) return;
  TaskChunk& chunk = writable(place);
  const std::uint32_t index = place % TaskChunk::kTasks;
  PackedTask& task = chunk.tasks[index];
  --shape_tasks_[task.shape];
  chunk.gaps += task.wait_count;
  if (task.has_extra) drop_extra(chunk, index);
  task = PackedTask{};
  chunk.live[index] = false;
  --list_.size_;
  slot_places_[slot] = kNowhere;
  free_.push_back(place);
}

void TaskStore::pack() {
  if (free_.size() < kSlack || free_.size() < list_.places_ / 4 * 3) return;
  TaskStore packed(list_.order_ + 1);
  std::vector<WaitObject> waits_on;
  for (std::uint32_t place = 0; place < list_.places_; ++place) {
    if (!list_.has(place)) continue;
    waits_on.clear();
    const PackedTask& task = peek(place);
    const TaskChunk& chunk = list_.chunk(place);
    for (std::uint32_t i = 0; i < task.wait_count; ++i)
      waits_on.push_back(chunk.waits[task.first_wait + i].object());
    packed.put(task.slot, at(place), waits_on, task.read_epoch,
               [](const Task& same) { return same.site; });
  }
  *this = std::move(packed);
}

std::vector<std::pair<std::uint64_t, std::uint32_t>> TaskStore::by_raw_id()
    const {
  std::vector<std::pair<std::uint64_t, std::uint32_t>> slots;
  slots.reserve(live());
  for (std::uint32_t place = 0; place < list_.places_; ++place)
    if (list_.has(place))
      slots.emplace_back(peek(place).raw_id, peek(place).slot);
  std::ranges::sort(slots);
  return slots;
}

void TaskStore::renew_sites(const SiteOf& site_of) {
  TaskList::Shapes& shapes = writable_shapes();
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    TaskShape& shape = shapes[i];
    shape.site = SiteId::none();
    if (shape_tasks_[i] == 0 || shape.system) continue;
    Task task;
    task.id.runtime = shape.runtime;
    task.state = shape.state;
    task.reason = shape.reason;
    task.created_at = shape.created_at;
    task.stack = shape.stack;
    shape.site = site_of(task);
  }
}

TaskList TaskStore::share(std::uint32_t epoch,
                          std::vector<SiteId> site_places) {
  chunk_shared_.assign(chunk_shared_.size(), true);
  shapes_shared_ = true;
  TaskList shared = list_;
  shared.shapes_ = shapes_;
  shared.site_places_ =
      std::make_shared<const std::vector<SiteId>>(std::move(site_places));
  shared.epoch_ = epoch;
  return shared;
}

}  // namespace taskleak
