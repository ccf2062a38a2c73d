// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The model's words as every view prints them. These names are an interface:
// dashboards and scripts match on them, so they never change.
#include "model/task.h"

#include <fmt/format.h>

namespace taskleak {

std::string_view task_state_name(TaskState state) {
  switch (state) {
    case TaskState::kRunning: return "running";
    case TaskState::kRunnable: return "runnable";
    case TaskState::kBlocked: return "blocked";
    case TaskState::kSyscall: return "syscall";
    case TaskState::kUnknown: return "unknown";
  }
  return "unknown";
}

std::string_view wait_kind_name(WaitKind kind) {
  switch (kind) {
    case WaitKind::kNone: return "none";
    case WaitKind::kChannel: return "channel";
    case WaitKind::kNilChannel: return "nil_channel";
    case WaitKind::kSelect: return "select";
    case WaitKind::kMutex: return "mutex";
    case WaitKind::kRwMutex: return "rwmutex";
    case WaitKind::kWaitGroup: return "waitgroup";
    case WaitKind::kCond: return "cond";
    case WaitKind::kSemaphore: return "semaphore";
    case WaitKind::kTimer: return "timer";
    case WaitKind::kFd: return "fd";
    case WaitKind::kFutex: return "futex";
    case WaitKind::kJoin: return "join";
    case WaitKind::kProcess: return "process";
    case WaitKind::kRuntime: return "runtime";
    case WaitKind::kUnknown: return "unknown";
  }
  return "unknown";
}

std::string_view wait_start_source_name(WaitStartSource source) {
  switch (source) {
    case WaitStartSource::kNone: return "none";
    case WaitStartSource::kEvent: return "event";
    case WaitStartSource::kRuntime: return "runtime";
    case WaitStartSource::kScheduler: return "scheduler";
    case WaitStartSource::kFirstSeen: return "first_seen";
  }
  return "none";
}

std::string object_id(const ObjectRef& ref) {
  if (ref.kind == WaitKind::kFd) return fmt::format("fd/{}", ref.address);
  const std::string_view kind =
      ref.kind == WaitKind::kChannel ? "chan" : wait_kind_name(ref.kind);
  return fmt::format("{}/0x{:x}", kind, ref.address);
}

}  // namespace taskleak
