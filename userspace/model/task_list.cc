// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Puts tasks together from what is stored of them; see task_list.h.
#include "model/task_list.h"

#include <algorithm>
#include <limits>

namespace taskleak {
namespace {

/// `value` + 1, or 0 where that cannot be told apart from "not known".
template <class T>
T one_more(std::int64_t value) {
  const bool fits = value >= 0 && value < std::numeric_limits<T>::max();
  return fits ? static_cast<T>(value + 1) : T{0};
}

const TaskExtra* extra_of(const TaskChunk& chunk, std::uint32_t index) {
  const auto found =
      std::ranges::lower_bound(chunk.extras, index, {}, &TaskExtra::index);
  return found != chunk.extras.end() && found->index == index ? &*found
                                                              : nullptr;
}

}  // namespace

StoredWait::StoredWait(const WaitObject& object)
    : address_low_(static_cast<std::uint32_t>(object.ref.address)),
      address_high_(static_cast<std::uint32_t>(object.ref.address >> 32)),
      capacity_more_(one_more<std::uint32_t>(object.capacity)),
      buffered_more_(one_more<std::uint32_t>(object.buffered)),
      element_more_(one_more<std::uint16_t>(object.element_size)),
      kind_(object.ref.kind),
      closed_(object.closed) {}

WaitObject StoredWait::object() const {
  return {.ref = ref(),
          .capacity = std::int64_t{capacity_more_} - 1,
          .buffered = std::int64_t{buffered_more_} - 1,
          .element_size = std::int32_t{element_more_} - 1,
          .closed = closed_};
}

Task unpack_task(const TaskChunk& chunk, std::uint32_t index,
                 const TaskShape& shape) {
  const PackedTask& packed = chunk.tasks[index];
  Task task{.id = {packed.raw_id, 0, shape.runtime},
            .state = shape.state,
            .system = shape.system,
            .torn = packed.torn,
            .ran_since_last = packed.ran,
            .run_count = packed.run_count,
            .reason = shape.reason,
            .created_at = shape.created_at,
            .stack = shape.stack,
            .labels = packed.labels,
            .site = shape.site,
            .parent_raw_id = packed.parent_raw_id,
            .record = packed.record,
            .wait = {packed.wait_start_ns, packed.wait_uncertainty_ns,
                     packed.source}};
  if (!packed.has_extra) return task;
  if (const TaskExtra* extra = extra_of(chunk, index)) {
    task.id.generation = extra->generation;
    task.deadline_ns = extra->deadline_ns;
  }
  return task;
}

Task TaskList::operator[](std::uint32_t place) const {
  const TaskChunk& from = chunk(place);
  const std::uint32_t index = place % TaskChunk::kTasks;
  const PackedTask& packed = from.tasks[index];
  Task task = unpack_task(from, index, (*shapes_)[packed.shape]);
  task.place = place;
  if (task.site.valid()) task.site = (*site_places_)[task.site.value];
  // What runs is always in doubt; what was not read anew did not run.
  task.ran_since_last = packed.torn || task.state == TaskState::kRunning ||
                        (packed.ran && packed.read_epoch == epoch_);
  if (packed.torn) {
    task.state = TaskState::kUnknown;
    task.reason = ReasonId::none();
    task.wait = {};
  }
  return task;
}

std::span<const StoredWait> TaskList::waits(std::uint32_t place) const {
  const TaskChunk& from = chunk(place);
  const PackedTask& task = from.tasks[place % TaskChunk::kTasks];
  if (task.torn) return {};
  return std::span(from.waits).subspan(task.first_wait, task.wait_count);
}

}  // namespace taskleak
