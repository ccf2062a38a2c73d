// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Stacks as paths of one tree, from the innermost frame outward. A node is a
// frame behind all that it called, and keeps what a walk needs of it; so a walk
// costs one look-up a frame, mostly a comparison with the caller that was met
// first, and where it ends there is the whole stack's id already. Tasks that
// wait at one place share their path.
#pragma once

#include <cstdint>
#include <vector>

#include "model/task.h"
#include "probes/go/flat_map.h"

namespace taskleak {

/// Functions that the census treats in a way of their own.
enum class GoRole : std::uint8_t {
  kNone,
  kSemacquire,    ///< keeps the sudog it waits with on its stack
  kNotifyWait,    ///< of sync.Cond, likewise
  kCondWait,      ///< sync.(*Cond).Wait: keeps the Cond
  kNetpollBlock,  ///< keeps the pollDesc or a pointer into it
  kMutexLock,     ///< sync.(*Mutex).lockSlow
  kRwMutexLock,   ///< sync.(*RWMutex).Lock, also where it was inlined
  kRwMutexRLock,
  kWaitGroupWait,
  kInjected,  ///< "called" by the runtime between two instructions
};

/// What a walk needs of one code address.
struct PcInfo {
  std::uint64_t entry = 0;        ///< of its function, 0 = not Go code
  std::uint32_t frame_bytes = 0;  ///< from sp to the return address
  bool known = false;             ///< frame_bytes is known
  bool top_frame = false;         ///< nothing called it
  bool writes_sp = false;
  GoRole role = GoRole::kNone;
};

/// One frame behind all that it called.
struct StackNode {
  std::uint64_t pc = 0;  ///< as it lies in memory
  /// The caller that was met first; others are found through the tree's map.
  std::uint64_t caller_pc = 0;
  std::uint32_t caller = 0;
  std::uint32_t callee = 0;       ///< the node that it called
  std::uint32_t frame_bytes = 0;  ///< from sp to the return address
  StackId stack;                  ///< of the stack that ends here, once made
  std::uint8_t depth = 0;         ///< frames listed up to here
  GoRole role = GoRole::kNone;
  bool listed = false;    ///< a frame of the stack; else only where it ends
  bool last = false;      ///< what called it is not known, or nothing did
  bool complete = false;  ///< the stack ends here, as a goroutine's does
};

class StackTrie {
 public:
  static constexpr std::uint32_t kRoot = 0;
  /// No node. As `StackNode::caller`: none was met yet.
  static constexpr std::uint32_t kNone = FlatMap::kMissing;
  /// Deeper stacks are cut here, outermost frames lost.
  static constexpr std::uint8_t kMaxFrames = 128;
  /// Bound of the tree; at 64 bytes a node and less.
  static constexpr std::uint32_t kMaxNodes = 1U << 22;

  StackTrie();

  /// The frame at `pc` that called `callee` (kRoot: the innermost frame);
  /// kNone when it was not met yet.
  std::uint32_t find(std::uint32_t callee, std::uint64_t pc) const {
    const StackNode& below = nodes_[callee];
    if (below.caller_pc == pc) return below.caller;
    return find_other(callee, pc);
  }
  /// Adds a frame that find() does not find; kNone: no room.
  std::uint32_t add(std::uint32_t callee, std::uint64_t pc, const PcInfo& info);
  const StackNode& operator[](std::uint32_t node) const { return nodes_[node]; }
  /// The node with which the stack that ends at `node` ends: itself, or the
  /// one below when it is not listed; kRoot for an empty stack.
  std::uint32_t outermost(std::uint32_t node) const {
    return nodes_[node].listed ? node : nodes_[node].callee;
  }
  void set_stack(std::uint32_t node, StackId stack) {
    nodes_[node].stack = stack;
  }
  /// Addresses of a stack, innermost first, each behind the call.
  std::vector<std::uint64_t> pcs(std::uint32_t outermost) const;

 private:
  static std::uint64_t key(std::uint32_t callee, std::uint64_t pc) {
    return mix64(pc) + callee;
  }
  std::uint32_t find_other(std::uint32_t callee, std::uint64_t pc) const;

  std::vector<StackNode> nodes_;
  FlatMap others_;  ///< callers behind the first, by key()
};

}  // namespace taskleak
