// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Puts the parts of a census together; see census_parts.h.
#include "model/census_parts.h"

#include <iterator>
#include <utility>

namespace taskleak {
namespace {

template <class T>
void append(std::vector<T>& to, std::vector<T>& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()),
            std::make_move_iterator(from.end()));
}

void append(Census& whole, Census& part) {
  append(whole.changed, part.changed);
  append(whole.bounds, part.bounds);
  append(whole.ended, part.ended);
  append(whole.torn, part.torn);
  append(whole.objects, part.objects);
  append(whole.tables.frames, part.tables.frames);
  append(whole.tables.stacks, part.tables.stacks);
  append(whole.tables.labels, part.tables.labels);
  append(whole.tables.reasons, part.tables.reasons);
  append(whole.named_pcs, part.named_pcs);
  append(whole.notes, part.notes);
  whole.end_ns = part.end_ns;
  whole.unchanged = part.unchanged;
  whole.totals = part.totals;
}

}  // namespace

Result<Census> collect(const std::function<Status(const CensusSink&)>& walk) {
  Census whole;
  TRY(walk([&whole](Census part) -> Status {
    if (part.part == 0)
      whole = std::move(part);
    else
      append(whole, part);
    return {};
  }));
  whole.last = true;
  return whole;
}

}  // namespace taskleak
