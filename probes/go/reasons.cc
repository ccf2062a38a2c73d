// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Texts of runtime/runtime2.go, waitReasonStrings, Go 1.18 .. 1.27. What is
// not listed waits for something of the runtime's own or something unknown.
#include "probes/go/reasons.h"

#include <algorithm>
#include <array>
#include <utility>

namespace taskleak {
namespace {

using TextKind = std::pair<std::string_view, WaitKind>;

// By the words' start, since synctest adds " (durable)" or " (synctest)".
constexpr std::array<TextKind, 15> kKinds{{
    {"chan receive (nil chan)", WaitKind::kNilChannel},
    {"chan send (nil chan)", WaitKind::kNilChannel},
    {"chan receive", WaitKind::kChannel},
    {"chan send", WaitKind::kChannel},
    {"select", WaitKind::kSelect},
    {"semacquire", WaitKind::kSemaphore},
    {"sleep", WaitKind::kTimer},
    {"sync.Cond.Wait", WaitKind::kCond},
    {"sync.Mutex.Lock", WaitKind::kMutex},
    {"sync.RWMutex", WaitKind::kRwMutex},
    {"sync.WaitGroup.Wait", WaitKind::kWaitGroup},
    {"IO wait", WaitKind::kFd},
    {"coroutine", WaitKind::kUnknown},
    {"synctest.", WaitKind::kUnknown},
    {"panicwait", WaitKind::kRuntime},
}};

constexpr std::array<std::string_view, 19> kRuntimeOwn{"GC ",
                                                       "garbage collection",
                                                       "finalizer wait",
                                                       "cleanup wait",
                                                       "force gc",
                                                       "GOMAXPROCS updater",
                                                       "trace ",
                                                       "wait for GC cycle",
                                                       "dumping heap",
                                                       "preempted",
                                                       "debug call",
                                                       "stopping the world",
                                                       "flushing proc",
                                                       "page trace flush",
                                                       "GC worker",
                                                       "GC assist",
                                                       "GC sweep",
                                                       "GC scavenge",
                                                       "timer goroutine"};

}  // namespace

WaitReason wait_reason_of(std::string_view text) {
  WaitReason reason{.text = std::string(text)};
  for (const auto& [start, kind] : kKinds) {
    if (!text.starts_with(start)) continue;
    reason.kind = kind;
    reason.ends_by_itself = kind == WaitKind::kTimer;
    return reason;
  }
  const bool own = std::ranges::any_of(
      kRuntimeOwn, [&](std::string_view s) { return text.starts_with(s); });
  if (own) {
    reason.kind = WaitKind::kRuntime;
    reason.ends_by_itself = true;
  }
  return reason;
}

Result<std::vector<WaitReason>> read_wait_reasons(const MemoryReader& memory,
                                                  Addr strings,
                                                  std::uint64_t bytes) {
  constexpr std::size_t kStringBytes = 16;
  const std::size_t count = bytes / kStringBytes;
  if (count == 0 || count > kMaxWaitReasons)
    return fail(Errc::kCorrupt, "not a table of wait reasons", strings.value);
  std::vector<std::byte> table(count * kStringBytes);
  TRY(memory.read(strings, table));
  const Record raw(table);
  std::vector<WaitReason> reasons;
  bool has_receive = false;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t length = raw.u64(i * kStringBytes + 8);
    if (length > kMaxReasonBytes)
      return fail(Errc::kCorrupt, "a wait reason is too long", strings.value);
    std::string text(length, '\0');
    if (length != 0)
      TRY(memory.read(raw.addr(i * kStringBytes),
                      std::as_writable_bytes(std::span(text))));
    has_receive |= text == "chan receive";
    reasons.push_back(wait_reason_of(text));
  }
  if (!has_receive)
    return fail(Errc::kCorrupt, "not a table of wait reasons", strings.value);
  return reasons;
}

}  // namespace taskleak
