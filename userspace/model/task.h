// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The words of the model that every stage shares: a task, what state it is in,
// what it waits for, and where a fact came from. No runtime, no kernel and no
// view is known here.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/strong.h"

namespace taskleak {

using FrameId = Index<struct FrameTag>;
using StackId = Index<struct StackTag>;
using LabelsId = Index<struct LabelsTag>;
using SiteId = Index<struct SiteTag>;
using ReasonId = Index<struct ReasonTag>;

/// A task's identity within one target. Raw ids may be reused (threads, fiber
/// addresses): the generation tells the lives apart. Printed as
/// "runtime/raw" ("go/17"), with "@generation" behind it when that is not 0.
struct TaskId {
  std::uint64_t raw = 0;
  std::uint32_t generation = 0;
  std::uint8_t runtime = 0;  ///< index into SnapshotTables::runtimes

  auto operator<=>(const TaskId&) const = default;
};

enum class TaskState : std::uint8_t {
  kRunning,   ///< on a processor
  kRunnable,  ///< could run, waits for a processor
  kBlocked,   ///< waits for something
  kSyscall,   ///< inside a system call or foreign code
  kUnknown,
};
inline constexpr int kTaskStates = 5;
/// "running", "runnable", "blocked", "syscall", "unknown".
std::string_view task_state_name(TaskState state);

/// The kind of thing that a task waits for; the node kinds of the graph.
enum class WaitKind : std::uint8_t {
  kNone,
  kChannel,
  kNilChannel,  ///< nothing can ever wake it
  kSelect,      ///< only as the kind of a wait; its objects are channels
  kMutex,
  kRwMutex,
  kWaitGroup,
  kCond,
  kSemaphore,
  kTimer,
  kFd,
  kFutex,
  kJoin,
  kProcess,
  kRuntime,  ///< the runtime's own housekeeping (GC and the like)
  kUnknown,
};
inline constexpr int kWaitKinds = 16;
/// "channel", "mutex", ...: the first half of an object's id.
std::string_view wait_kind_name(WaitKind kind);

/// Where the start of a wait is known from, best first.
enum class WaitStartSource : std::uint8_t {
  kNone,       ///< it does not wait
  kEvent,      ///< a probe saw it park: exact
  kRuntime,    ///< the runtime's own record, within the stated uncertainty
  kScheduler,  ///< the kernel's record of when it last ran
  kFirstSeen,  ///< no later than this: it was parked when first looked at
};
/// "event", "runtime", "scheduler", "first_seen", "none".
std::string_view wait_start_source_name(WaitStartSource source);

/// When a wait began. It began within [start_ns, start_ns + uncertainty_ns]
/// (CLOCK_MONOTONIC); for kFirstSeen, at start_ns or *earlier*, the
/// uncertainty being how much earlier it may have been at most when a bound is
/// known, and -1 when none is.
struct WaitStart {
  std::int64_t start_ns = 0;
  std::int64_t uncertainty_ns = 0;
  WaitStartSource source = WaitStartSource::kNone;

  auto operator<=>(const WaitStart&) const = default;
};

/// Identity of a wait object within one target: "channel/0xc000012345",
/// "fd/7" (there `address` is the descriptor).
struct ObjectRef {
  std::uint64_t address = 0;
  WaitKind kind = WaitKind::kNone;

  auto operator<=>(const ObjectRef&) const = default;
};
/// The object's id as every view prints it. Channels print as "chan/0x...".
std::string object_id(const ObjectRef& ref);

/// What is known of a wait object beyond who waits for it. -1 = not known.
struct WaitObject {
  ObjectRef ref;
  std::int64_t capacity = -1;
  std::int64_t buffered = -1;
  std::int32_t element_size = -1;
  std::int8_t closed = -1;  ///< 0, 1, or -1

  bool operator==(const WaitObject&) const = default;
};

/// Whose code a frame is: what a person has to mend is in kUser.
enum class FrameOwner : std::uint8_t { kUser, kLibrary, kRuntime };

/// One symbolized frame.
struct Frame {
  std::string function;
  std::string file;
  std::uint32_t line = 0;
  FrameOwner owner = FrameOwner::kUser;

  bool operator==(const Frame&) const = default;
};

/// A wait reason: the runtime's own words for a raw code, and our kind of it.
struct WaitReason {
  std::string text;
  WaitKind kind = WaitKind::kUnknown;
  /// True when such a wait ends by itself (sleep, timers): age alone says
  /// nothing of it.
  bool ends_by_itself = false;

  bool operator==(const WaitReason&) const = default;
};

using Labels = std::vector<std::pair<std::string, std::string>>;

}  // namespace taskleak
