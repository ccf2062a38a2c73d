// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// What a single wait says of itself, apart from its age: does it end without
// anybody's help, can nothing ever end it, or is it what such a task is there
// for? Looks at one task of one snapshot, remembers nothing between snapshots.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "model/snapshot.h"

namespace taskleak {

enum class WaitNature : std::uint8_t {
  kOpen,          ///< somebody has to end it
  kHopeless,      ///< a nil channel, a select without cases
  kMainIdiom,     ///< `select {}` at the end of main: not a leak
  kEndsByItself,  ///< a sleep, a timer
  kDeadline,      ///< ends at a deadline still to come
  kRuntime,       ///< the runtime's own
  kListening,     ///< waits for a client to come
  kLibraryIo,     ///< a library's own wait for its peer: idle connections
};
inline constexpr int kWaitNatures = 8;

/// Does age alone say something of such a wait?
constexpr bool may_leak(WaitNature nature) {
  return nature == WaitNature::kOpen || nature == WaitNature::kHopeless;
}

/// Judges the waits of one snapshot; looks at each stack once.
class Explainer {
 public:
  explicit Explainer(const Snapshot& snapshot);
  /// The nature of a blocked task's wait.
  WaitNature nature(const Task& task);

 private:
  struct StackTraits {
    bool known = false;
    bool user_code = false;
    bool accepts = false;
  };
  const StackTraits& traits(StackId id);

  const Snapshot& snapshot_;
  std::vector<StackTraits> stacks_;
};

}  // namespace taskleak
