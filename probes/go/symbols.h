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

class Symbols {
 public:
  /// Bound of each interning table; beyond it ids are none and counted.
  static constexpr std::uint32_t kMaxEntries = 1U << 22;

  /// `main_module` is the main module's path, from the build info.
  Symbols(const Pclntab& table, std::string main_module);

  const PcInfo& pc_info(std::uint64_t pc);
  /// The place of the call that returns to `pc`, inlined calls seen through.
  FrameId frame_at(std::uint64_t pc);
  /// The stack of these return addresses, innermost first.
  StackId stack(std::span<const std::uint64_t> pcs);
  /// Does a stack contain a function of this role, also where it was inlined?
  bool has_role(StackId stack, GoRole role) const;
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
  std::uint32_t frames_of(std::uint64_t pc);
  FrameId intern(const GoPlace& place);
  FrameOwner owner_of(std::string_view function, std::string_view file) const;
  PcInfo describe(std::uint64_t pc) const;

  Pclntab table_;
  std::string main_module_;
  std::string goroot_src_;  ///< empty: built with -trimpath
  FlatMap pc_index_;
  std::vector<PcInfo> pcs_;
  FlatMap frame_spans_index_;
  std::vector<Span> frame_spans_;  ///< of a pc, into pc_frames_
  std::vector<FrameId> pc_frames_;
  std::unordered_map<std::string, std::uint32_t> frame_ids_;
  std::vector<Frame> frames_;
  std::vector<GoRole> frame_roles_;
  FlatMap stack_index_;  ///< by hash of the pcs
  std::vector<std::uint64_t> stack_pcs_;
  std::vector<Span> stack_spans_;  ///< into stack_pcs_
  std::vector<std::vector<FrameId>> stacks_;
  std::unordered_map<std::string, std::uint32_t> label_ids_;
  std::vector<Labels> labels_;
  FlatMap system_starts_;
  std::uint32_t sent_frames_ = 0, sent_stacks_ = 0, sent_labels_ = 0;
  std::uint64_t overflows_ = 0;
};

}  // namespace taskleak
