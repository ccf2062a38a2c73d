// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Snapshots made by hand, for the tests of every stage behind the model. The
// builder interns frames, stacks and reasons; build() groups the sites, counts
// and sorts as the model does. `at` is the snapshot itself: a test changes
// there whatever it wants to state beyond that. sample_snapshot() has one of
// everything.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/snapshot.h"

namespace taskleak::test {

/// When the snapshot is taken: 1000 s after boot, 2026-01-02T03:04:05.678Z.
inline constexpr std::int64_t kTakenNs = 1'000'000'000'000;
inline constexpr std::int64_t kTakenUnixNs = 1'767'323'045'678'000'000;

/// The start of a wait `seconds` before the snapshot.
WaitStart since(double seconds, WaitStartSource source, double uncertainty = 0);

class SnapshotBuilder {
 public:
  SnapshotBuilder();

  /// Ids of interned things; the same arguments give the same id.
  FrameId frame(const std::string& function, const std::string& file = "",
                std::uint32_t line = 0, FrameOwner owner = FrameOwner::kUser);
  StackId stack(std::vector<FrameId> innermost_first);
  LabelsId labels(Labels labels);
  ReasonId reason(const std::string& text, WaitKind kind,
                  bool ends_by_itself = false);

  /// Adds a running task; valid until the next one is added.
  Task& task(std::uint64_t raw_id);
  /// Adds a task blocked for `reason` on `objects` since `wait`, created at
  /// `created_at`, with a stack of `blocked_at` alone.
  Task& blocked(std::uint64_t raw_id, ReasonId reason, FrameId created_at,
                FrameId blocked_at, WaitStart wait,
                const std::vector<ObjectRef>& objects = {});

  /// Sites, counts and objects from the tasks; then the result, frozen.
  std::shared_ptr<const Snapshot> build();

  Snapshot at;  ///< its tasks come with build()
  SnapshotTables tables;
  std::vector<Task> tasks;          ///< in the order of their places
  std::uint64_t order = 0;          ///< TaskList::order()
  std::vector<WaitObject> objects;  ///< facts, by whoever waits on them

 private:
  std::vector<std::vector<ObjectRef>> waits_;  ///< by task
};

/// A Go service with a leak of two tasks at one site, and one task of every
/// other kind: running, runnable, in a system call, asleep, in a select with
/// three channels, on a nil channel, on a socket, torn, labelled, system;
/// names that need escaping; lost events, a refused probe, drift, notes.
std::shared_ptr<const Snapshot> sample_snapshot();

}  // namespace taskleak::test
