// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The stacks of one batch: the tops of all in one round, which is enough for
// most, then the deep ones further, some at a time.
#include <algorithm>

#include "probes/go/census.h"

namespace taskleak {

void GoCensus::end_stack(WalkedTask& task, const StackWalk& walk) {
  if (walk.cut(at_.symbols)) ++cut_stacks_;
  task.stack = at_.symbols.stack_of(walk.node());
}

void GoCensus::walk_top(const Piece& piece, std::span<const std::byte> bytes,
                        std::vector<DeepStack>& deep) {
  WalkedTask& task = batch_[piece.tag];
  if (bytes.empty()) {
    task.torn = true;
    return;
  }
  StackWalk walk(at_.symbols, task.g.pc, task.g.sp, task.g.stack_hi);
  const StackBytes top{piece.at, bytes};
  const std::uint64_t next = walk.advance(at_.symbols, top);
  if (!walk.ranges().empty())
    objects_.note_frames(piece.tag, task, walk.ranges(), top);
  if (next == 0)
    end_stack(task, walk);
  else
    deep.push_back({piece.tag, next, walk});
}

Status GoCensus::walk_deep(std::vector<DeepStack>& deep) {
  for (int round = 0; round < kMaxStackRounds && !deep.empty(); ++round) {
    pieces_.clear();
    for (std::uint32_t i = 0; i < deep.size(); ++i) {
      const std::uint64_t left = batch_[deep[i].task].g.stack_hi - deep[i].next;
      pieces_.push_back({deep[i].next,
                         static_cast<std::uint32_t>(
                             std::min<std::uint64_t>(left, kStackMoreBytes)),
                         i});
    }
    TRY(reader_.read(
        pieces_, [&](const Piece& piece, std::span<const std::byte> bytes) {
          DeepStack& stack = deep[piece.tag];
          if (bytes.empty()) {
            batch_[stack.task].torn = true;
            stack.next = 0;
            return;
          }
          stack.next = stack.walk.advance(at_.symbols, {piece.at, bytes});
          if (stack.next == 0) end_stack(batch_[stack.task], stack.walk);
        }));
    std::erase_if(deep, [](const DeepStack& s) { return s.next == 0; });
  }
  for (const DeepStack& stack : deep) {
    ++cut_stacks_;
    batch_[stack.task].stack = at_.symbols.stack_of(stack.walk.node());
  }
  deep.clear();
  return {};
}

Status GoCensus::read_stacks() {
  std::vector<Piece> tops;
  tops.reserve(batch_.size());
  for (std::uint32_t i = 0; i < batch_.size(); ++i) {
    const GRecord& g = batch_[i].g;
    if (batch_[i].torn || !g.has_stack()) continue;
    tops.push_back({g.sp,
                    static_cast<std::uint32_t>(std::min<std::uint64_t>(
                        g.stack_hi - g.sp, kStackTopBytes)),
                    i});
  }
  std::vector<DeepStack> deep;
  reader_.sort(tops);
  // A part at a time, so that the deep ones of it are few.
  for (std::size_t first = 0; first < tops.size(); first += kDeepStacks) {
    const auto part = std::span(tops).subspan(
        first, std::min(kDeepStacks, tops.size() - first));
    TRY(reader_.read_sorted(
        part, [&](const Piece& piece, std::span<const std::byte> bytes) {
          walk_top(piece, bytes, deep);
        }));
    TRY(walk_deep(deep));
  }
  return {};
}

}  // namespace taskleak
