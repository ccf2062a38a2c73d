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

void fold(Census census) {
  TargetInfo target;
  target.runtimes = {{"go", "go1.26.8"}};
  TaskTable table(std::move(target));
  census.full = true;
  if (!table.fold(std::move(census), {}, {})) return;
  const auto snapshot = table.freeze(0);
  const Counts& counts = snapshot->counts;
  if (counts.created - counts.finished != counts.tasks) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  if (auto census = decode_census(bytes)) fold(*std::move(census));
  static_cast<void>(decode_detection(bytes));
  static_cast<void>(decode_order(bytes));
  static_cast<void>(decode_error(bytes));
  return 0;
}
