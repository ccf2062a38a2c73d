// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The objects that only a goroutine's own frames lead to. A word of the right
// frame is a candidate; the struct that it points to must name the goroutine
// (sudog.g, pollDesc.rg or wg) or itself (pollDesc.self, Cond's copyChecker).
#include <algorithm>
#include <array>

#include "probes/go/wait_objects.h"

namespace taskleak {
namespace {

// sync/cond.go: copyChecker, behind notifyList, holds its own address once the
// Cond was used (1.18 .. 1.27).
constexpr std::uint64_t kCondChecker = 48, kCondNotify = 16;
constexpr std::uint64_t kLowestPointer = 1 << 16;
constexpr std::uint64_t kHighestPointer = std::uint64_t{1} << 47;
constexpr std::uint64_t kMaxDescriptor = 1U << 31;

}  // namespace

void WaitObjects::begin() {
  semaphores_.clear();
  conds_.clear();
  poll_descs_.clear();
}

void WaitObjects::collect(std::uint32_t index, const WalkedTask& task,
                          const FrameRange& frame, std::uint64_t end,
                          const StackBytes& bytes, Candidates& into) {
  const auto add = [&](std::uint64_t offset) {
    const std::uint64_t word = bytes.word(frame.sp + offset);
    const bool own_stack = word >= task.g.stack_lo && word < task.g.stack_hi;
    if (word % 8 == 0 && word >= kLowestPointer && word < kHighestPointer &&
        !own_stack)
      into.push_back(
          {word, frame.pc, index, static_cast<std::uint32_t>(offset)});
  };
  const std::uint64_t size =
      std::min<std::uint64_t>(end - frame.sp, kMaxFrameWords * 8);
  if (!bytes.holds(frame.sp, size)) return;
  // A second attempt tries all words: the place may have misled the first.
  const auto place = places_.find(frame.pc);
  if (task.attempts == 0 && place != places_.end() && place->second < size)
    return add(place->second);
  for (std::uint64_t offset = 0; offset + 8 <= size; offset += 8) add(offset);
}

void WaitObjects::note_frames(std::uint32_t index, const WalkedTask& task,
                              std::span<const FrameRange> frames,
                              const StackBytes& bytes) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const FrameRange& frame = frames[i];
    if (frame.role == GoRole::kSemacquire && !waiting_names_locks_ &&
        search_frames_)
      collect(index, task, frame, frame.return_slot, bytes, semaphores_);
    if (frame.role == GoRole::kNetpollBlock)
      collect(index, task, frame, frame.return_slot, bytes, poll_descs_);
    // The Cond is kept by Wait, or spilled to its caller's frame: its first
    // argument's place, right behind the return address.
    if (frame.role == GoRole::kCondWait && !waiting_names_locks_)
      collect(index, task, frame, frame.return_slot + 16, bytes, conds_);
  }
}

std::vector<Piece>& WaitObjects::pieces_of(const Candidates& candidates,
                                           std::uint64_t before,
                                           std::uint32_t size) {
  pieces_.clear();
  for (std::uint32_t i = 0; i < candidates.size(); ++i)
    pieces_.push_back({candidates[i].value - before, size, i});
  return pieces_;
}

void WaitObjects::found(const Candidate& candidate) {
  if (candidate.pc != 0) places_[candidate.pc] = candidate.offset;
}

Status WaitObjects::find_semaphores(std::span<WalkedTask> tasks,
                                    std::span<const WaitReason> reasons) {
  const auto& at = layout_.sudog;
  return reader_.read(
      pieces_of(semaphores_, 0, at.size),
      [&](const Piece& piece, std::span<const std::byte> bytes) {
        const Candidate& candidate = semaphores_[piece.tag];
        WalkedTask& task = tasks[candidate.task];
        const Record sudog(bytes);
        // One that is not queued any more has no elem (runtime/sema.go
        // dequeue); one of a channel has c.
        if (bytes.empty() || sudog.u64(at.g) != task.g.address ||
            sudog.u64(at.elem) == 0 || sudog.u64(at.c) != 0 ||
            !task.waits_on.empty())
          return;
        add_lock(task, sudog.u64(at.elem), reasons);
        found(candidate);
      });
}

Status WaitObjects::find_conds(std::span<WalkedTask> tasks) {
  return reader_.read(
      pieces_of(conds_, 0, kCondChecker + 8),
      [&](const Piece& piece, std::span<const std::byte> bytes) {
        const Candidate& candidate = conds_[piece.tag];
        WalkedTask& task = tasks[candidate.task];
        const bool is_cond =
            !bytes.empty() &&
            Record(bytes).u64(kCondChecker) == candidate.value + kCondChecker;
        if (!task.waits_on.empty()) return;
        if (is_cond) {
          task.waits_on.push_back({candidate.value, WaitKind::kCond});
          found(candidate);
        } else if (candidate.pc == 0) {
          // From g.waiting: the notifyList is certain, what it is part of not.
          task.waits_on.push_back(
              {candidate.value + kCondNotify, WaitKind::kCond});
        }
      });
}

void WaitObjects::check_poll_desc(WalkedTask& task, const Candidate& candidate,
                                  std::span<const std::byte> bytes) {
  const auto& at = layout_.poll_desc;
  const std::uint64_t base = candidate.value - at.wg;
  for (const std::uint64_t back : {at.rg, at.wg, std::uint32_t{0}}) {
    const std::uint64_t desc = candidate.value - back;
    const Record raw(bytes.subspan(desc - base));
    const bool reads = raw.u64(at.rg) == task.g.address;
    const bool writes = raw.u64(at.wg) == task.g.address;
    const std::uint64_t fd = raw.u64(at.fd);
    if (raw.u64(at.self) != desc || !(reads || writes) || fd > kMaxDescriptor)
      continue;
    task.waits_on.push_back({fd, WaitKind::kFd});
    task.ends_at(raw.i64(reads ? at.rd : at.wd));
    found(candidate);
    return;
  }
}

Status WaitObjects::find_poll_descs(std::span<WalkedTask> tasks) {
  const auto& at = layout_.poll_desc;
  if (!GoLayout::has(at.self) || poll_descs_.empty()) return {};
  return reader_.read(
      pieces_of(poll_descs_, at.wg, at.wg + at.size),
      [&](const Piece& piece, std::span<const std::byte> bytes) {
        const Candidate& candidate = poll_descs_[piece.tag];
        WalkedTask& task = tasks[candidate.task];
        if (!bytes.empty() && task.waits_on.empty())
          check_poll_desc(task, candidate, bytes);
      });
}

}  // namespace taskleak
