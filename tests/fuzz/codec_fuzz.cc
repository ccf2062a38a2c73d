// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Feeds bytes to what reads the reader's pipe, and what decodes to the model:
// no bytes of the child may crash the parent, and a census that is accepted
// keeps created - finished = tasks.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "model/task_table.h"
#include "reader/codec.h"

using namespace taskleak;

namespace {

/// A table that has tasks already, so that parts and changes have something to
/// be about.
TaskTable table_of_two() {
  TargetInfo target;
  target.runtimes = {{"go", "go1.26.8"}};
  TaskTable table(std::move(target));
  Census first;
  first.full = true;
  first.begin_ns = first.end_ns = 1;
  first.changed.resize(2);
  first.changed[1].slot = 1;
  if (!table.fold(std::move(first), {}, {})) std::abort();
  return table;
}

void check(TaskTable& table) {
  const auto snapshot = table.freeze(0);
  const Counts& counts = snapshot->counts;
  if (counts.created - counts.finished != counts.tasks) std::abort();
  std::uint64_t users = 0;
  for (const Task& task : snapshot->tasks) users += task.system ? 0 : 1;
  if (users != counts.tasks) std::abort();
}

/// The census as the first of its kind, as a change, and as two parts.
void fold(const Census& census) {
  for (const bool full : {true, false}) {
    TaskTable table = table_of_two();
    Census part = census;
    part.full = full;
    part.part = 0;
    part.last = true;
    if (table.fold(part, {}, {})) check(table);
  }
  TaskTable table = table_of_two();
  Census part = census;
  part.part = 0;
  part.last = false;
  if (!table.fold_part(part)) return;
  part = {};
  part.part = 1;
  part.full = census.full;
  part.runtime = census.runtime;
  part.begin_ns = census.begin_ns;
  part.end_ns = census.end_ns;
  part.tables.first_frame =
      static_cast<std::uint32_t>(census.tables.frames.size());
  part.tables.first_stack =
      static_cast<std::uint32_t>(census.tables.stacks.size());
  part.tables.first_labels =
      static_cast<std::uint32_t>(census.tables.labels.size());
  part.tables.first_reason =
      static_cast<std::uint32_t>(census.tables.reasons.size());
  part.unchanged = census.unchanged;
  if (!table.fold_part(part)) return;
  table.finish({}, {});
  check(table);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  if (const auto census = decode_census(bytes)) fold(*census);
  static_cast<void>(decode_detection(bytes));
  static_cast<void>(decode_order(bytes));
  static_cast<void>(decode_error(bytes));
  return 0;
}
