// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The interning tables as the model keeps them: shared with the snapshots that
// were frozen from them, so copied before they grow; and beside them what is
// worth computing once an entry: hashes of frames and reasons, the frame of a
// stack that a person should look at.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "model/census.h"
#include "model/census_check.h"
#include "model/snapshot.h"

namespace taskleak {

class Names {
 public:
  explicit Names(std::vector<RuntimeInfo> runtimes);

  KnownSizes sizes() const;
  const SnapshotTables& tables() const { return *tables_; }
  /// Forgets all but the runtimes.
  void clear();
  /// Appends entries that check_census() let pass, and pcs' names.
  void append(CensusTables tables);
  void name_pcs(
      const std::vector<std::pair<std::uint64_t, FrameId>>& named_pcs);

  /// The tables as of now; they never change under the holder.
  std::shared_ptr<const SnapshotTables> share();

  /// Hashes for site keys; 0 for no id.
  std::uint64_t hash(FrameId id) const;
  std::uint64_t hash(ReasonId id) const;
  std::uint64_t runtime_hash(std::uint8_t runtime) const {
    return runtime_hashes_[runtime];
  }
  /// blocked_frame() of a stack; none for no stack.
  FrameId blocked_at(StackId id) const;
  /// The frame of a code address: nothing while it was not named; a frame of
  /// none when it cannot be.
  std::optional<FrameId> frame_of(std::uint64_t pc) const;

 private:
  std::shared_ptr<SnapshotTables> tables_;
  bool shared_ = false;
  std::vector<std::uint64_t> runtime_hashes_;
  std::vector<std::uint64_t> frame_hashes_;
  std::vector<std::uint64_t> reason_hashes_;
  std::vector<FrameId> blocked_frames_;  ///< by stack
  std::unordered_map<std::uint64_t, FrameId> pcs_;
};

}  // namespace taskleak
