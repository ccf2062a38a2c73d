// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Names for code addresses, each made once: what a walk needs of a pc (frame
// size, role), frames and stacks as interned ids, and whose code a frame is.
// New table entries are handed out with the census in which they appeared.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/census.h"
#include "probes/go/flat_map.h"
#include "probes/go/pclntab.h"
#include "probes/go/stack_trie.h"

namespace taskleak {

class Symbols {
 public:
  /// Bound of each interning table; beyond it ids are none and counted.
  static constexpr std::uint32_t kMaxEntries = 1U << 22;

  /// `main_module` is the main module's path, from the build info.
  Symbols(const Pclntab& table, std::string main_module);

  /// The frame at `pc` that called `callee` (StackTrie::kRoot: the innermost
  /// frame); StackTrie::kNone when there is no room for one more.
  std::uint32_t frame_behind(std::uint32_t callee, std::uint64_t pc) {
    const std::uint32_t known = trie_.find(callee, pc);
    return known != StackTrie::kNone ? known : add_frame(callee, pc);
  }
  const StackNode& node(std::uint32_t id) const { return trie_[id]; }
  /// The place of the call that returns to `pc`, inlined calls seen through.
  FrameId frame_at(std::uint64_t pc);
  /// The stack of a walk that ended at this node; none where there is no
  /// frame.
  StackId stack_of(std::uint32_t node);
  /// Does a stack contain a function of this role, also where it was inlined?
  bool has_role(StackId stack, GoRole role) const {
    return stack.valid() && (stack_roles_[stack.value] & role_bit(role)) != 0;
  }
  /// Is a goroutine that starts at `startpc` one of the runtime's own, as
  /// NumGoroutine counts?
  bool is_system_start(std::uint64_t startpc);
  LabelsId labels(Labels labels);

  /// Moves what is new since the last call into `tables`.
  void take_new(CensusTables& tables);
  /// Hand out everything once more with the next take_new().
  void rewind();
  /// How many frames, stacks or label sets found no room.
  std::uint64_t overflows() const { return overflows_; }
  const Pclntab& table() const { return table_; }

 private:
  struct Span {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };
  std::uint32_t add_frame(std::uint32_t callee, std::uint64_t pc);
  StackId make_stack(std::span<const std::uint64_t> pcs);
  std::uint32_t frames_of(std::uint64_t pc);
  FrameId intern(const GoPlace& place);
  FrameOwner owner_of(std::string_view function, std::string_view file) const;
  PcInfo describe(std::uint64_t pc) const;
  static std::uint16_t role_bit(GoRole role) {
    return static_cast<std::uint16_t>(1U << static_cast<unsigned>(role));
  }

  Pclntab table_;
  std::string main_module_;
  std::string goroot_src_;  ///< empty: built with -trimpath
  StackTrie trie_;
  FlatMap pc_index_;
  std::vector<PcInfo> pcs_;
  FlatMap frame_spans_index_;
  std::vector<Span> frame_spans_;  ///< of a pc, into pc_frames_
  std::vector<FrameId> pc_frames_;
  std::unordered_map<std::string, std::uint32_t> frame_ids_;
  std::vector<Frame> frames_;
  std::vector<GoRole> frame_roles_;
  std::vector<std::vector<FrameId>> stacks_;
  std::vector<std::uint16_t> stack_roles_;  ///< role_bit() of its frames
  std::unordered_map<std::string, std::uint32_t> label_ids_;
  std::vector<Labels> labels_;
  FlatMap system_starts_;
  std::uint32_t sent_frames_ = 0, sent_stacks_ = 0, sent_labels_ = 0;
  std::uint64_t overflows_ = 0;
};

}  // namespace taskleak
