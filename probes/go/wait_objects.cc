// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The objects that the runtime's own lists lead to: channels, locks, timers.
#include "probes/go/wait_objects.h"

#include <algorithm>

namespace taskleak {
namespace {

// Where the semaphore lies in the locks of package sync, 1.18 .. 1.27:
// sync/mutex.go and internal/sync/mutex.go {state int32, sema uint32};
// sync/rwmutex.go {w Mutex, writerSem uint32, readerSem uint32, ...};
// sync/waitgroup.go {noCopy, state atomic.Uint64, sema uint32}, up to 1.19
// {noCopy, state1 uint64, state2 uint32}, which is the same on 64 bits.
constexpr std::uint64_t kMutexSema = 4;
constexpr std::uint64_t kRwMutexWriterSem = 8;
constexpr std::uint64_t kRwMutexReaderSem = 12;
constexpr std::uint64_t kWaitGroupSema = 8;
// sync/cond.go {noCopy, L Locker, notify notifyList, checker copyChecker}.
constexpr std::uint64_t kCondNotify = 16;

bool is_lock(WaitKind kind) {
  return kind == WaitKind::kMutex || kind == WaitKind::kRwMutex ||
         kind == WaitKind::kWaitGroup || kind == WaitKind::kSemaphore;
}

bool is_channel(WaitKind kind) {
  return kind == WaitKind::kChannel || kind == WaitKind::kSelect;
}

}  // namespace

void WaitObjects::add_lock(WalkedTask& task, std::uint64_t semaphore,
                           std::span<const WaitReason> reasons) {
  const auto add = [&](std::uint64_t offset, WaitKind kind) {
    task.waits_on.push_back({semaphore - offset, kind});
  };
  const std::string& text = reasons[task.g.wait_reason].text;
  switch (task.kind) {
    case WaitKind::kMutex:
      // RWMutex.Lock first takes its inner Mutex, which is its first field.
      return add(kMutexSema, symbols_.has_role(task.stack, GoRole::kRwMutexLock)
                                 ? WaitKind::kRwMutex
                                 : WaitKind::kMutex);
    case WaitKind::kRwMutex:
      return add(
          text.ends_with(".RLock") ? kRwMutexReaderSem : kRwMutexWriterSem,
          WaitKind::kRwMutex);
    case WaitKind::kWaitGroup: return add(kWaitGroupSema, WaitKind::kWaitGroup);
    default: return add_lock_by_frames(task, semaphore);
  }
}

/// Up to 1.19 all locks wait with the reason of any semaphore, up to 1.23 a
/// WaitGroup does. The functions of package sync that wait call nothing else.
void WaitObjects::add_lock_by_frames(WalkedTask& task,
                                     std::uint64_t semaphore) {
  const auto add = [&](std::uint64_t offset, WaitKind kind) {
    task.waits_on.push_back({semaphore - offset, kind});
  };
  const auto within = [&](GoRole role) {
    return symbols_.has_role(task.stack, role);
  };
  if (within(GoRole::kWaitGroupWait))
    return add(kWaitGroupSema, WaitKind::kWaitGroup);
  const bool mutex = within(GoRole::kMutexLock);
  if (within(GoRole::kRwMutexLock))
    return add(mutex ? kMutexSema : kRwMutexWriterSem, WaitKind::kRwMutex);
  if (within(GoRole::kRwMutexRLock))
    return add(kRwMutexReaderSem, WaitKind::kRwMutex);
  add(mutex ? kMutexSema : 0, mutex ? WaitKind::kMutex : WaitKind::kSemaphore);
}

Status WaitObjects::follow_sudogs(std::span<WalkedTask> tasks,
                                  std::span<const WaitReason> reasons) {
  const auto& at = layout_.sudog;
  pieces_.clear();
  for (std::uint32_t i = 0; i < tasks.size(); ++i) {
    const WalkedTask& task = tasks[i];
    const bool lists = is_channel(task.kind) ||
                       (waiting_names_locks_ &&
                        (is_lock(task.kind) || task.kind == WaitKind::kCond));
    if (lists && task.g.waiting != 0)
      pieces_.push_back({task.g.waiting, at.size, i});
  }
  std::vector<Piece> next;
  for (int level = 0; !pieces_.empty(); ++level) {
    if (level == kMaxSelectCases) {
      cut_selects_ += pieces_.size();
      break;
    }
    next.clear();
    TRY(reader_.read(
        pieces_, [&](const Piece& piece, std::span<const std::byte> bytes) {
          WalkedTask& task = tasks[piece.tag];
          const Record sudog(bytes);
          if (bytes.empty() || sudog.u64(at.g) != task.g.address) {
            task.torn = true;
            return;
          }
          if (is_channel(task.kind)) {
            const std::uint64_t channel = sudog.u64(at.c);
            // In the order of locking: cases of one channel are neighbours.
            const ObjectRef object{channel, WaitKind::kChannel};
            if (channel != 0 &&
                (task.waits_on.empty() || task.waits_on.back() != object))
              task.waits_on.push_back(object);
            const std::uint64_t link = sudog.u64(at.waitlink);
            if (link != 0 && task.kind == WaitKind::kSelect)
              next.push_back({link, at.size, piece.tag});
          } else if (const std::uint64_t elem = sudog.u64(at.elem); elem == 0) {
            task.torn = true;
          } else if (task.kind == WaitKind::kCond) {
            conds_.push_back({elem - kCondNotify, 0, piece.tag, 0});
          } else {
            add_lock(task, elem, reasons);
          }
        }));
    pieces_.swap(next);
  }
  return {};
}

Status WaitObjects::read_channels(std::span<WalkedTask> tasks,
                                  std::vector<WaitObject>& objects) {
  const auto& at = layout_.hchan;
  pieces_.clear();
  timer_pieces_.clear();
  for (std::uint32_t i = 0; i < tasks.size(); ++i)
    for (const ObjectRef& ref : tasks[i].waits_on)
      if (ref.kind == WaitKind::kChannel)
        pieces_.push_back({ref.address, at.size, i});
  std::uint64_t last = 0;
  return reader_.read(
      pieces_, [&](const Piece& piece, std::span<const std::byte> bytes) {
        if (bytes.empty()) {
          tasks[piece.tag].torn = true;
          return;
        }
        const Record channel(bytes);
        if (GoLayout::has(at.timer))
          if (const std::uint64_t timer = channel.u64(at.timer); timer != 0)
            timer_pieces_.push_back({timer + layout_.timer.when, 8, piece.tag});
        if (piece.at == last) return;
        last = piece.at;
        WaitObject object{.ref = {piece.at, WaitKind::kChannel}};
        const std::uint64_t capacity = channel.u64(at.dataqsiz);
        const std::uint64_t buffered = channel.u64(at.qcount);
        const std::uint32_t closed = channel.u32(at.closed);
        if (buffered <= capacity && capacity < (std::uint64_t{1} << 47) &&
            closed <= 1) {
          object.capacity = static_cast<std::int64_t>(capacity);
          object.buffered = static_cast<std::int64_t>(buffered);
          object.element_size = channel.u16(at.elemsize);
          object.closed = static_cast<std::int8_t>(closed);
        }
        objects.push_back(object);
      });
}

Status WaitObjects::read_timers(std::span<WalkedTask> tasks) {
  // timer_pieces_ holds the timers of channels already.
  for (std::uint32_t i = 0; i < tasks.size(); ++i) {
    WalkedTask& task = tasks[i];
    if (task.kind != WaitKind::kTimer || task.g.timer == 0) continue;
    task.waits_on.push_back({task.g.timer, WaitKind::kTimer});
    if (GoLayout::has(layout_.g.sleep_when)) {
      if (!task.g.fake_time) task.ends_at(task.g.sleep_when);
    } else {
      timer_pieces_.push_back({task.g.timer + layout_.timer.when, 8, i});
    }
  }
  return reader_.read(
      timer_pieces_, [&](const Piece& piece, std::span<const std::byte> bytes) {
        WalkedTask& task = tasks[piece.tag];
        if (!bytes.empty() && !task.g.fake_time)
          task.ends_at(Record(bytes).i64(0));
      });
}

Status WaitObjects::search_semtable(std::span<WalkedTask> tasks,
                                    std::span<const WaitReason> reasons) {
  if (waiting_names_locks_) return {};
  semaphores_.clear();
  for (std::uint32_t i = 0; i < tasks.size(); ++i) {
    const WalkedTask& task = tasks[i];
    if (!is_lock(task.kind) || !task.waits_on.empty() || task.torn) continue;
    TRY(const std::uint64_t sudog, semtable_.sudog_of(task.g.address));
    if (sudog != 0) semaphores_.push_back({sudog, 0, i, 0});
  }
  return find_semaphores(tasks, reasons);
}

Status WaitObjects::resolve(std::span<WalkedTask> tasks,
                            std::span<const WaitReason> reasons,
                            std::vector<WaitObject>& objects) {
  TRY(follow_sudogs(tasks, reasons));
  TRY(find_semaphores(tasks, reasons));
  TRY(search_semtable(tasks, reasons));
  TRY(find_conds(tasks));
  TRY(find_poll_descs(tasks));
  TRY(read_channels(tasks, objects));
  TRY(read_timers(tasks));
  for (WalkedTask& task : tasks) {
    const bool has_object = is_channel(task.kind) || is_lock(task.kind) ||
                            task.kind == WaitKind::kCond ||
                            task.kind == WaitKind::kFd;
    // select {} has no case, and no sudog.
    const bool empty_select =
        task.kind == WaitKind::kSelect && task.g.waiting == 0;
    task.unfound = has_object && !empty_select && task.waits_on.empty();
  }
  return {};
}

}  // namespace taskleak
