// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// What parked goroutines wait for. Channels and selects: the sudogs behind
// g.waiting. Locks: from Go 1.26 on the same, before that the sudog that
// semacquire1 keeps in its own frame, or the runtime's table of them. Cond:
// likewise, or the Cond that its Wait keeps. Network: the pollDesc that
// netpollblock points into. Whatever a stack offers is believed only when the
// found struct itself names the goroutine. All reads of one kind are made
// together, for all tasks.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "model/census.h"
#include "probes/go/layout.h"
#include "probes/go/piece_reader.h"
#include "probes/go/semtable.h"
#include "probes/go/symbols.h"
#include "probes/go/unwind.h"
#include "probes/go/walked_task.h"

namespace taskleak {

class WaitObjects {
 public:
  /// Cases of one select that are followed; the rest are left out and counted.
  static constexpr int kMaxSelectCases = 64;
  /// Words of one frame that are tried as pointers.
  static constexpr std::size_t kMaxFrameWords = 64;

  /// `semtable`: address of runtime.semtable, 0 when it is not known; without
  /// `search_frames` it alone is asked.
  WaitObjects(PieceReader& reader, Symbols& symbols, const GoLayout& layout,
              int go_minor, Addr semtable, bool search_frames)
      : reader_(reader),
        symbols_(symbols),
        layout_(layout),
        waiting_names_locks_(go_minor >= kFirstWithLocksInWaiting),
        search_frames_(search_frames),
        semtable_(reader, layout, semtable) {}

  /// Forgets what was read for the census before.
  void begin_census() { semtable_.forget(); }

  /// Forgets the tasks of the batch before.
  void begin();
  /// Keeps what the innermost frames of task `index` may point to.
  void note_frames(std::uint32_t index, const WalkedTask& task,
                   std::span<const FrameRange> frames, const StackBytes& bytes);
  /// Fills in waits_on and deadline_ns of all tasks, and the facts of the
  /// channels among them.
  Status resolve(std::span<WalkedTask> tasks,
                 std::span<const WaitReason> reasons,
                 std::vector<WaitObject>& objects);
  /// Selects that had more cases than are followed, since the start.
  std::uint64_t cut_selects() const { return cut_selects_; }
  /// Walks of the table of semaphores that were cut, since the start.
  std::uint64_t cut_semtables() const { return semtable_.cut(); }

 private:
  // semacquire and notifyListWait set g.waiting from 1.26 on
  // (runtime/sema.go).
  static constexpr int kFirstWithLocksInWaiting = 26;

  /// A word of a frame that may point to what the frame waits for.
  struct Candidate {
    std::uint64_t value = 0;
    std::uint64_t pc = 0;  ///< of the frame
    std::uint32_t task = 0;
    std::uint32_t offset = 0;  ///< of the word in the frame
  };
  using Candidates = std::vector<Candidate>;

  void collect(std::uint32_t index, const WalkedTask& task,
               const FrameRange& frame, std::uint64_t end,
               const StackBytes& bytes, Candidates& into);
  Status follow_sudogs(std::span<WalkedTask> tasks,
                       std::span<const WaitReason> reasons);
  Status find_semaphores(std::span<WalkedTask> tasks,
                         std::span<const WaitReason> reasons);
  /// For locks whose sudog no frame showed.
  Status search_semtable(std::span<WalkedTask> tasks,
                         std::span<const WaitReason> reasons);
  Status find_conds(std::span<WalkedTask> tasks);
  Status find_poll_descs(std::span<WalkedTask> tasks);
  Status read_channels(std::span<WalkedTask> tasks,
                       std::vector<WaitObject>& objects);
  Status read_timers(std::span<WalkedTask> tasks);
  void add_lock(WalkedTask& task, std::uint64_t semaphore,
                std::span<const WaitReason> reasons);
  void add_lock_by_frames(WalkedTask& task, std::uint64_t semaphore);
  void check_poll_desc(WalkedTask& task, const Candidate& candidate,
                       std::span<const std::byte> bytes);
  void found(const Candidate& candidate);
  std::vector<Piece>& pieces_of(const Candidates& candidates,
                                std::uint64_t before, std::uint32_t size);

  PieceReader& reader_;
  Symbols& symbols_;
  const GoLayout& layout_;
  bool waiting_names_locks_;
  bool search_frames_;
  SemTable semtable_;
  Candidates semaphores_, conds_, poll_descs_;
  /// Where in a frame the wanted word was found last, by the frame's pc: the
  /// compiler gave it one place.
  std::unordered_map<std::uint64_t, std::uint32_t> places_;
  std::vector<Piece> pieces_;
  std::vector<Piece> timer_pieces_;
  std::uint64_t cut_selects_ = 0;
};

}  // namespace taskleak
