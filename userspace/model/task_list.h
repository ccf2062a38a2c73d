// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The live tasks of one snapshot, a million of them in some 90 bytes each.
// They lie in chunks that the table and its snapshots share: whoever changes a
// chunk that a snapshot holds copies that chunk first (task_store.h), so that a
// quiet epoch costs no memory and a busy one only what it touched. What many
// tasks have in common (their shape) is stored once. A Task is put together
// when it is asked for; nothing outside the model sees how it is stored.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <span>
#include <vector>

#include "model/task.h"

namespace taskleak {

/// One live task.
struct Task {
  TaskId id;
  TaskState state = TaskState::kUnknown;
  bool system = false;
  bool torn = false;  ///< not believed this epoch: its state is unknown
  bool ran_since_last =
      true;  ///< false: certainly did not run since the epoch before
  std::uint8_t run_count = 0;
  ReasonId reason;
  FrameId created_at;
  StackId stack;
  LabelsId labels;
  SiteId site;  ///< index into Snapshot::sites; none: a system task
  std::uint64_t parent_raw_id = 0;
  std::uint64_t record = 0;
  WaitStart wait;
  std::int64_t deadline_ns = 0;
  /// Where it lies in Snapshot::tasks, for life: what is known of it elsewhere
  /// (its verdict, what it waits on) is found by this.
  std::uint32_t place = 0;
};

/// One object that a task waits on, with its facts as of when the task was
/// read. Of an object with several waiters the one read last knows best.
class StoredWait {
 public:
  StoredWait() = default;
  /// A capacity or fill of 2^32 - 1 or more, or an element of 65,535 bytes or
  /// more, counts as not known.
  explicit StoredWait(const WaitObject& object);
  ObjectRef ref() const {
    return {std::uint64_t{address_high_} << 32 | address_low_, kind_};
  }
  WaitObject object() const;

 private:
  // Two halves: with a whole one the struct would grow by 4 bytes of padding.
  std::uint32_t address_low_ = 0;
  std::uint32_t address_high_ = 0;
  std::uint32_t capacity_more_ = 0;  ///< one more than it is; 0 = not known
  std::uint32_t buffered_more_ = 0;
  std::uint16_t element_more_ = 0;
  WaitKind kind_ = WaitKind::kNone;
  std::int8_t closed_ = -1;
};

/// What tasks at the same point of the same code have in common.
struct TaskShape {
  ReasonId reason;
  FrameId created_at;
  StackId stack;
  SiteId site;  ///< an index of the site index, not of a snapshot
  TaskState state = TaskState::kUnknown;
  bool system = false;
  std::uint8_t runtime = 0;

  bool operator==(const TaskShape&) const = default;
};

/// A task as it is stored.
struct PackedTask {
  std::uint64_t raw_id = 0;
  std::uint64_t parent_raw_id = 0;
  std::uint64_t record = 0;
  std::int64_t wait_start_ns = 0;
  std::int64_t wait_uncertainty_ns = 0;
  std::uint32_t shape = 0;
  LabelsId labels;
  std::uint32_t read_epoch = 0;  ///< when it was last read anew
  std::uint32_t slot = 0;
  std::uint32_t first_wait = 0;  ///< into TaskChunk::waits
  std::uint16_t wait_count = 0;
  std::uint8_t run_count = 0;
  WaitStartSource source : 4 = WaitStartSource::kNone;
  bool torn : 1 = false;
  bool ran : 1 = true;         ///< it ran before it was read at read_epoch
  bool has_extra : 1 = false;  ///< TaskChunk::extras has more
};
static_assert(sizeof(PackedTask) == 64);

/// What few tasks have.
struct TaskExtra {
  std::uint32_t index = 0;  ///< of the task in its chunk
  std::uint32_t generation = 0;
  std::int64_t deadline_ns = 0;
};

/// Tasks of neighbouring places.
struct TaskChunk {
  static constexpr std::uint32_t kTasks = 1024;

  std::vector<PackedTask> tasks;
  std::bitset<kTasks> live;
  std::vector<StoredWait> waits;  ///< with gaps
  std::uint32_t gaps = 0;         ///< entries of waits that belong to no task
  std::vector<TaskExtra> extras;  ///< by index
};

/// What is believed of a task, torn or not; `site` as in its shape, `place` not
/// set.
Task unpack_task(const TaskChunk& chunk, std::uint32_t index,
                 const TaskShape& shape);

/// The tasks of one snapshot, by place. A place without a task is left out of
/// every iteration. Cheap to copy; what is copied never changes.
class TaskList {
 public:
  class Iterator;

  /// Live tasks.
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  /// Every place is below this.
  std::uint32_t places() const { return places_; }
  /// Another number tells that tasks have moved to other places.
  std::uint64_t order() const { return order_; }
  bool has(std::uint32_t place) const {
    return place < places_ && chunk(place).live[place % TaskChunk::kTasks];
  }
  /// The task of a place that has one.
  Task operator[](std::uint32_t place) const;
  /// What it waits on; nothing when it is torn. As long-lived as this list.
  std::span<const StoredWait> waits(std::uint32_t place) const;
  /// The epoch at which it was last read anew: later knows better.
  std::uint32_t read_epoch(std::uint32_t place) const {
    return chunk(place).tasks[place % TaskChunk::kTasks].read_epoch;
  }

  Iterator begin() const;
  Iterator end() const;

 private:
  friend class TaskStore;
  using Shapes = std::vector<TaskShape>;

  const TaskChunk& chunk(std::uint32_t place) const {
    return *chunks_[place / TaskChunk::kTasks];
  }

  std::vector<std::shared_ptr<TaskChunk>> chunks_;
  std::shared_ptr<const Shapes> shapes_;
  /// Index into Snapshot::sites, by TaskShape::site.
  std::shared_ptr<const std::vector<SiteId>> site_places_;
  std::size_t size_ = 0;
  std::uint32_t places_ = 0;
  std::uint32_t epoch_ = 0;
  std::uint64_t order_ = 0;
};

/// Goes over the live tasks in the order of their places.
class TaskList::Iterator {
 public:
  using value_type = Task;
  using difference_type = std::ptrdiff_t;

  Iterator() = default;
  Iterator(const TaskList& list, std::uint32_t place)
      : list_(&list), place_(place) {
    skip();
  }
  Task operator*() const { return (*list_)[place_]; }
  Iterator& operator++() {
    ++place_;
    skip();
    return *this;
  }
  void operator++(int) { ++*this; }
  bool operator==(const Iterator& other) const {
    return place_ == other.place_;
  }

 private:
  void skip() {
    while (place_ < list_->places() && !list_->has(place_)) ++place_;
  }

  const TaskList* list_ = nullptr;
  std::uint32_t place_ = 0;
};

inline TaskList::Iterator TaskList::begin() const { return {*this, 0}; }
inline TaskList::Iterator TaskList::end() const { return {*this, places_}; }

}  // namespace taskleak
