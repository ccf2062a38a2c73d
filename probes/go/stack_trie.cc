// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Growing the tree, and the rules of where a stack ends.
#include "probes/go/stack_trie.h"

#include <algorithm>

namespace taskleak {

StackTrie::StackTrie() : nodes_(1) { nodes_.front().caller = kNone; }

std::uint32_t StackTrie::find_other(std::uint32_t callee,
                                    std::uint64_t pc) const {
  // Two frames of one key are told apart by trying the next key.
  std::uint64_t next = key(callee, pc);
  for (std::uint32_t id = others_.find(next); id != FlatMap::kMissing;
       id = others_.find(++next))
    if (nodes_[id].callee == callee && nodes_[id].pc == pc) return id;
  return kNone;
}

std::uint32_t StackTrie::add(std::uint32_t callee, std::uint64_t pc,
                             const PcInfo& info) {
  if (nodes_.size() >= kMaxNodes) return kNone;
  const auto id = static_cast<std::uint32_t>(nodes_.size());
  const std::uint8_t below = nodes_[callee].depth;
  StackNode node;
  node.pc = pc;
  node.caller = kNone;
  node.callee = callee;
  node.frame_bytes = info.frame_bytes;
  node.role = info.role;
  node.complete = info.top_frame;
  // runtime.goexit under every goroutine is of no use to anyone.
  node.listed =
      info.entry != 0 && below < kMaxFrames && !(info.top_frame && below != 0);
  node.depth = static_cast<std::uint8_t>(below + (node.listed ? 1 : 0));
  node.last = !node.listed || info.top_frame || !info.known ||
              (info.writes_sp && node.depth > 1);
  nodes_.push_back(node);
  if (nodes_[callee].caller == kNone) {
    nodes_[callee].caller = id;
    nodes_[callee].caller_pc = pc;
  } else {
    std::uint64_t next = key(callee, pc);
    while (others_.find(next) != FlatMap::kMissing) ++next;
    others_.insert(next, id);
  }
  return id;
}

std::vector<std::uint64_t> StackTrie::pcs(std::uint32_t outermost) const {
  std::vector<std::uint64_t> result;
  for (std::uint32_t at = outermost; at != kRoot; at = nodes_[at].callee) {
    // The table of places looks up the byte before a return address; one that
    // was interrupted there is meant itself.
    const bool injected = nodes_[nodes_[at].callee].role == GoRole::kInjected;
    result.push_back(injected ? nodes_[at].pc + 1 : nodes_[at].pc);
  }
  std::ranges::reverse(result);
  return result;
}

}  // namespace taskleak
