// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Places, waits and objects of the live tasks; see task_store.h.
#include "model/task_store.h"

#include <algorithm>

namespace taskleak {

void ObjectStore::hold(const ObjectRef& ref) {
  Entry& entry = entries_[ref];
  if (entry.waiters++ > 0) return;
  entry.facts.ref = ref;
  dirty_ = true;
}

void ObjectStore::release(const ObjectRef& ref) {
  const auto found = entries_.find(ref);
  if (found == entries_.end() || --found->second.waiters > 0) return;
  entries_.erase(found);
  dirty_ = true;
}

void ObjectStore::learn(const WaitObject& object) {
  const auto found = entries_.find(object.ref);
  if (found == entries_.end() || found->second.facts == object) return;
  found->second.facts = object;
  dirty_ = true;
}

const std::vector<WaitObject>& ObjectStore::sorted() {
  if (!dirty_) return sorted_;
  dirty_ = false;
  sorted_.clear();
  sorted_.reserve(entries_.size());
  for (const auto& [ref, entry] : entries_) sorted_.push_back(entry.facts);
  std::sort(
      sorted_.begin(), sorted_.end(),
      [](const WaitObject& a, const WaitObject& b) { return a.ref < b.ref; });
  return sorted_;
}

Task* TaskStore::find(std::uint32_t slot) {
  const std::uint32_t place = place_of(slot);
  return place == kNowhere ? nullptr : &tasks_[place];
}

const Task* TaskStore::find(std::uint32_t slot) const {
  const std::uint32_t place = place_of(slot);
  return place == kNowhere ? nullptr : &tasks_[place];
}

void TaskStore::expect(std::size_t more) {
  tasks_.reserve(tasks_.size() + more);
  slots_.reserve(slots_.size() + more);
  waits_.reserve(waits_.size() + more);
}

std::uint32_t TaskStore::new_place(std::uint32_t slot) {
  if (slot >= places_.size()) places_.resize(slot + 1, kNowhere);
  std::uint32_t place = static_cast<std::uint32_t>(tasks_.size());
  if (free_.empty()) {
    tasks_.emplace_back();
    slots_.push_back(slot);
  } else {
    place = free_.back();
    free_.pop_back();
    slots_[place] = slot;
  }
  return places_[slot] = place;
}

Task& TaskStore::put(std::uint32_t slot, const Task& task,
                     std::span<const ObjectRef> waits_on) {
  std::uint32_t place = place_of(slot);
  Task former;
  if (place == kNowhere) {
    place = new_place(slot);
  } else {
    former = tasks_[place];
  }
  // Held before the former ones are let go: an object that stays is not
  // forgotten in between.
  for (const ObjectRef& ref : waits_on) objects_.hold(ref);
  drop_waits(former);
  Task& stored = tasks_[place] = task;
  add_waits(stored, waits_on, former);
  return stored;
}

void TaskStore::remove(std::uint32_t slot) {
  const std::uint32_t place = place_of(slot);
  if (place == kNowhere) return;
  drop_waits(tasks_[place]);
  gaps_ += tasks_[place].wait_count;
  tasks_[place] = Task{};
  slots_[place] = kNowhere;
  places_[slot] = kNowhere;
  free_.push_back(place);
}

void TaskStore::pack() {
  if (free_.size() < kSlack || free_.size() < tasks_.size() / 4 * 3) return;
  std::size_t next = 0;
  for (std::size_t place = 0; place < tasks_.size(); ++place) {
    if (slots_[place] == kNowhere) continue;
    tasks_[next] = tasks_[place];
    slots_[next] = slots_[place];
    places_[slots_[next]] = static_cast<std::uint32_t>(next);
    ++next;
  }
  tasks_.resize(next);
  slots_.resize(next);
  tasks_.shrink_to_fit();
  slots_.shrink_to_fit();
  free_ = {};
}

void TaskStore::drop_waits(const Task& task) {
  for (std::uint32_t i = 0; i < task.wait_count; ++i)
    objects_.release(waits_[task.first_wait + i]);
}

void TaskStore::add_waits(Task& task, std::span<const ObjectRef> waits_on,
                          const Task& former) {
  task.wait_count = static_cast<std::uint32_t>(waits_on.size());
  task.first_wait = former.first_wait;
  if (waits_on.size() > former.wait_count) {
    gaps_ += former.wait_count;
    task.first_wait = static_cast<std::uint32_t>(waits_.size());
    waits_.resize(waits_.size() + waits_on.size());
  } else {
    gaps_ += former.wait_count - waits_on.size();
  }
  std::copy(waits_on.begin(), waits_on.end(), waits_.begin() + task.first_wait);
  // A pass over all tasks, so it has to wait for as many gaps.
  if (gaps_ > kSlack + (tasks_.size() + waits_.size()) / 4) close_gaps();
}

void TaskStore::close_gaps() {
  std::vector<ObjectRef> packed;
  packed.reserve(waits_.size() - gaps_);
  each([&](Task& task) {
    const auto from = waits_.begin() + task.first_wait;
    task.first_wait = static_cast<std::uint32_t>(packed.size());
    packed.insert(packed.end(), from, from + task.wait_count);
  });
  waits_ = std::move(packed);
  gaps_ = 0;
}

}  // namespace taskleak
