// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The walk over all goroutines. The runtime's list of them only grows and no
// record is ever freed, so it is safe to walk while the target runs; but each
// record may change under our eyes. One pass reads all records, merged; those
// that did not run since the walk before are done with. For the others the
// dependent reads are made in rounds, all of one kind together, and then the
// record once more: what changed meanwhile is tried again, and after
// kMaxAttempts reported as torn.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/census.h"
#include "probes/go/gc_clock.h"
#include "probes/go/globals.h"
#include "probes/go/labels.h"
#include "probes/go/layout.h"
#include "probes/go/piece_reader.h"
#include "probes/go/symbols.h"
#include "probes/go/unwind.h"
#include "probes/go/wait_objects.h"
#include "probes/go/walked_task.h"
#include "probes/runtime.h"

namespace taskleak {

/// What a census needs to know of the target; all of it outlives the census.
struct CensusSources {
  const MemoryReader& memory;
  const GoLayout& layout;
  Symbols& symbols;
  const GoGlobals& globals;
  const std::vector<WaitReason>& reasons;
  GoVersion version;
  std::int64_t process_start_ns = 0;
  /// False: sudogs of semaphores are looked for in the runtime's table alone,
  /// for tests of that.
  bool search_frames = true;
};

class GoCensus {
 public:
  static constexpr int kMaxAttempts = 5;
  /// Goroutines whose dependent reads are made together.
  static constexpr std::size_t kBatchTasks = 1 << 12;
  /// Of a stack's top, read first; most are no deeper.
  static constexpr std::uint32_t kStackTopBytes = 1 << 10;
  /// Read further of the deep ones, a round.
  static constexpr std::uint32_t kStackMoreBytes = 16 << 10;
  static constexpr int kMaxStackRounds = 64;
  /// Stacks that are walked further at a time.
  static constexpr std::size_t kDeepStacks = 1024;
  /// Changed tasks, and slots in all its other lists together, with which a
  /// part is full; it has a batch more at most.
  static constexpr std::size_t kPartTasks = 1 << 14;
  static constexpr std::size_t kPartSlots = 1 << 16;

  explicit GoCensus(const CensusSources& sources);

  /// As Runtime::take_census.
  Status take(const CensusRequest& request, const CensusSink& sink);
  /// The whole in one piece.
  Result<Census> take(const CensusRequest& request);

 private:
  /// What is known of the goroutine at one place of the runtime's list.
  struct Slot {
    std::uint64_t goid = 0;
    /// The low half: enough to notice a change of a clock in nanoseconds, and
    /// a million slots are 8 MB smaller.
    std::uint32_t waitsince = 0;
    std::uint8_t status = kGUnknown;  ///< kGUnknown: to be read anew
    std::uint8_t tracking_seq = 0;
    bool known = false;  ///< told to the receiver, and not ended since
  };
  struct DeepStack {
    std::uint32_t task = 0;
    std::uint64_t next = 0;
    StackWalk walk;
  };

  void forget();
  Status update_list();
  Status walk(Census& part, const CensusSink& sink);
  void add_tables(Census& part);
  Status hand_on(Census& part, const CensusSink& sink);
  void look(const Piece& piece, std::span<const std::byte> bytes,
            Census& census);
  Status finish_batch(Census& census);
  void classify(WalkedTask& task) const;
  Status read_stacks();
  void walk_top(const Piece& piece, std::span<const std::byte> bytes,
                std::vector<DeepStack>& deep);
  Status walk_deep(std::vector<DeepStack>& deep);
  void end_stack(WalkedTask& task, const StackWalk& walk);
  Status verify(Census& census);
  void settle(WalkedTask& task, const GRecord& again, Census& census);
  void emit(WalkedTask& task, Census& census);
  void end_slot(std::uint32_t slot, Census& census);
  void tear(std::uint32_t slot, Census& census);
  Status check_fit() const;
  void add_notes(Census& census);
  void note(Census& census, std::uint64_t total, std::uint64_t& told,
            const char* text);

  CensusSources at_;
  PieceReader reader_;
  GcClock gc_clock_;
  WaitObjects objects_;
  LabelReader labels_;
  std::vector<Slot> slots_;
  std::vector<Piece> records_;             ///< all gs, by address; tag = slot
  std::vector<WalkedTask> batch_, retry_;  ///< swapped: both keep their room
  std::vector<Piece> pieces_;
  std::uint64_t handed_on_ = 0;  ///< changed tasks of the parts before
  std::uint64_t looked_ = 0, misfits_ = 0;  ///< of one walk
  std::uint64_t cut_stacks_ = 0, unfound_ = 0;
  std::uint64_t told_stacks_ = 0, told_selects_ = 0, told_labels_ = 0,
                told_names_ = 0, told_unfound_ = 0, told_semtable_ = 0;
  bool whole_ = false;  ///< the walk before ended well
};

}  // namespace taskleak
