// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// A root is a treap of sudogs, one a semaphore (prev and next are its
// children); further waiters for the same semaphore hang on waitlink. All
// treaps are walked side by side, a round of reads a level.
#include "probes/go/semtable.h"

namespace taskleak {
namespace {

/// Which root a semaphore belongs to (runtime/sema.go, semTable.rootFor).
std::uint64_t root_of(std::uint64_t semaphore) {
  return (semaphore >> 3) % SemTable::kRoots;
}

}  // namespace

void SemTable::forget() {
  walks_ = 0;
  sudogs_.clear();
}

Result<std::uint64_t> SemTable::sudog_of(std::uint64_t g) {
  if (table_.value == 0) return 0;
  auto found = sudogs_.find(g);
  if (found == sudogs_.end() && walks_ < kMaxWalks) {
    TRY(walk());
    found = sudogs_.find(g);
  }
  return found == sudogs_.end() ? 0 : found->second;
}

Status SemTable::walk() {
  ++walks_;
  sudogs_.clear();
  seen_.clear();
  std::vector<Step> steps;
  std::vector<Step> next;
  std::vector<Piece> table = {
      {table_.value, static_cast<std::uint32_t>(kTableBytes), 0}};
  TRY(reader_.read(table, [&](const Piece&, std::span<const std::byte> bytes) {
    for (std::uint32_t i = 0; i < kRoots && !bytes.empty(); ++i) {
      const std::uint64_t treap =
          Record(bytes).u64(i * kRootBytes + layout_.sema_root.treap);
      if (treap != 0) steps.push_back({treap, i});
    }
  }));
  for (int round = 0; !steps.empty(); ++round) {
    if (round == kMaxRounds || seen_.size() + steps.size() > kMaxSudogs) {
      ++cut_;
      break;
    }
    next.clear();
    TRY(follow(steps, next));
    steps.swap(next);
  }
  return {};
}

Status SemTable::follow(const std::vector<Step>& steps,
                        std::vector<Step>& next) {
  const auto& at = layout_.sudog;
  std::vector<Piece> pieces;
  for (std::uint32_t i = 0; i < steps.size(); ++i)
    if (seen_.emplace(steps[i].at, true).second)
      pieces.push_back({steps[i].at, at.size, i});
  return reader_.read(
      pieces, [&](const Piece& piece, std::span<const std::byte> bytes) {
        const Record sudog(bytes);
        const std::uint64_t semaphore = sudog.u64(at.elem);
        const std::uint32_t root = steps[piece.tag].root;
        // One that has left the table leads astray: it has no elem any more,
        // or is of a channel by now.
        if (bytes.empty() || semaphore == 0 || sudog.u64(at.c) != 0 ||
            root_of(semaphore) != root)
          return;
        sudogs_.insert_or_assign(sudog.u64(at.g), piece.at);
        for (const std::uint32_t link : {at.prev, at.next, at.waitlink})
          if (const std::uint64_t to = sudog.u64(link); to != 0)
            next.push_back({to, root});
      });
}

}  // namespace taskleak
