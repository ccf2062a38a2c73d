// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Where the live tasks lie: densely, whatever their slots are (a target that
// once had a million tasks keeps the slots and maybe ten tasks), each at a
// place of its own for life, so that two snapshots list the survivors in the
// same order. With them: what each waits for, and what is known of that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "model/snapshot.h"
#include "model/task.h"

namespace taskleak {

struct ObjectRefHash {
  std::size_t operator()(const ObjectRef& ref) const noexcept {
    const auto kind = static_cast<std::uint64_t>(ref.kind);
    return (ref.address ^ kind << 56) * 0x9e3779b97f4a7c15U >> 7;
  }
};

/// The objects that some task waits on, counted by waiters.
class ObjectStore {
 public:
  void expect(std::size_t more) { entries_.reserve(entries_.size() + more); }
  void hold(const ObjectRef& ref);
  void release(const ObjectRef& ref);
  /// Takes in facts of an object that is held; others are dropped.
  void learn(const WaitObject& object);
  /// All held objects, by ref.
  const std::vector<WaitObject>& sorted();

 private:
  struct Entry {
    WaitObject facts;
    std::uint32_t waiters = 0;
  };
  std::unordered_map<ObjectRef, Entry, ObjectRefHash> entries_;
  std::vector<WaitObject> sorted_;
  bool dirty_ = false;
};

/// Tasks by slot. A Task here keeps its fields as last believed; its `site` is
/// an index of the site index, its waits are a run of waits().
class TaskStore {
 public:
  /// The live task of a slot, nullptr without one; valid until put() of
  /// another slot.
  Task* find(std::uint32_t slot);
  const Task* find(std::uint32_t slot) const;
  /// Makes room for as many more tasks.
  void expect(std::size_t more);
  /// Replaces or adds the slot's task and what it waits on.
  Task& put(std::uint32_t slot, const Task& task,
            std::span<const ObjectRef> waits_on);
  void remove(std::uint32_t slot);
  /// Gives memory back when most places have become free; keeps the order.
  void pack();
  std::size_t live() const { return tasks_.size() - free_.size(); }

  /// Calls `visit(task)` for every live task, in the order of places.
  template <class Visitor>
  void each(Visitor&& visit) {
    for (std::size_t place = 0; place < tasks_.size(); ++place)
      if (slots_[place] != kNowhere) visit(tasks_[place]);
  }

  /// What tasks wait on, with gaps; Task::first_wait points into it.
  const std::vector<ObjectRef>& waits() const { return waits_; }
  ObjectStore& objects() { return objects_; }

 private:
  static constexpr std::uint32_t kNowhere = 0xffffffffU;
  /// Free places and gaps that are not worth the work of closing them.
  static constexpr std::size_t kSlack = 1024;

  std::uint32_t place_of(std::uint32_t slot) const {
    return slot < places_.size() ? places_[slot] : kNowhere;
  }
  std::uint32_t new_place(std::uint32_t slot);
  void drop_waits(const Task& task);
  void add_waits(Task& task, std::span<const ObjectRef> waits_on,
                 const Task& former);
  void close_gaps();

  std::vector<std::uint32_t> places_;  ///< by slot
  std::vector<Task> tasks_;            ///< by place
  std::vector<std::uint32_t> slots_;   ///< by place, kNowhere: free
  std::vector<std::uint32_t> free_;    ///< free places
  std::vector<ObjectRef> waits_;
  std::size_t gaps_ = 0;  ///< entries of waits_ that no task points to
  ObjectStore objects_;
};

}  // namespace taskleak
