// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// created = sched.goidgen less what each P still holds of the ids it drew
// (newproc1 takes 16 at a time). Ps that GOMAXPROCS gave up keep theirs, so
// allp is read up to its capacity. live = gcount() of runtime/proc.go.
#include "probes/go/globals.h"

#include <algorithm>

namespace taskleak {
namespace {

/// Ids that a P draws at a time (runtime/proc.go, _GoidCacheBatch).
constexpr std::uint64_t kIdBatch = 16;

struct Processors {
  std::uint64_t unspent_ids = 0;
  std::uint64_t free_gs = 0;
  std::uint64_t last_id = 0;  ///< no id beyond it lies in a cache
  /// A cache holds more ids than are drawn at a time: read while it was
  /// filled, or no cache.
  bool overfull = false;
  bool operator==(const Processors&) const = default;

  /// newproc1 stores goidcache before goidcacheend: behind the end, it has
  /// just drawn a batch.
  void add_cache(std::uint64_t next, std::uint64_t end) {
    const bool drawn = next > end;
    overfull = overfull || (!drawn && end - next > kIdBatch);
    unspent_ids += drawn ? kIdBatch : end - next;
    last_id = std::max({last_id, next, end});
  }
};

Result<Processors> read_processors(const MemoryReader& memory,
                                   const GoLayout& layout, Addr allp) {
  struct Slice {
    std::uint64_t data, length, capacity;
  };
  TRY(const Slice slice, memory.value<Slice>(allp));
  if (slice.length == 0 || slice.length > slice.capacity ||
      slice.capacity > kMaxProcessors)
    return fail(Errc::kCorrupt, "allp is no list of processors", allp.value);
  std::vector<std::uint64_t> list(slice.capacity);
  TRY(memory.read(Addr{slice.data}, std::as_writable_bytes(std::span(list))));
  const auto& at = layout.p;
  std::vector<MemoryRange> ranges;
  for (const std::uint64_t p : list) {
    if (p == 0) continue;
    ranges.push_back({Addr{p + at.id}, 4});
    ranges.push_back({Addr{p + at.goidcache}, 8});
    ranges.push_back({Addr{p + at.goidcacheend}, 8});
    ranges.push_back({Addr{p + at.free_n}, 4});
  }
  constexpr std::size_t kBytesEach = 24;
  std::vector<std::byte> bytes(ranges.size() / 4 * kBytesEach);
  std::vector<bool> ok;
  TRY(memory.read_many(ranges, bytes, ok));
  Processors result;
  const Record raw(bytes);
  std::size_t index = 0;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i] == 0) continue;
    const std::size_t base = index++ * kBytesEach;
    if (raw.u32(base) != i)
      return fail(Errc::kCorrupt, "the layout does not fit: allp", list[i]);
    result.add_cache(raw.u64(base + 4), raw.u64(base + 12));
    // gcount() counts the processors in use only.
    if (i < slice.length) result.free_gs += raw.u32(base + 20);
  }
  return result;
}

struct Sched {
  std::uint64_t goidgen = 0;
  std::int64_t free_gs = 0;
  std::int64_t system_gs = 0;
  bool operator==(const Sched&) const = default;
};

Result<Sched> read_sched(const MemoryReader& memory, const GoLayout& layout,
                         Addr sched) {
  const auto& at = layout.schedt;
  Sched result;
  TRY(result.goidgen, memory.value<std::uint64_t>(sched + at.goidgen));
  TRY(result.system_gs, memory.value<std::int32_t>(sched + at.ngsys));
  TRY(result.free_gs, memory.value<std::int32_t>(sched + at.free_n));
  if (GoLayout::has(at.free_no_stack_n)) {
    TRY(const std::int32_t more,
        memory.value<std::int32_t>(sched + at.free_no_stack_n));
    result.free_gs += more;
  }
  return result;
}

}  // namespace

Result<GoCounters> read_counters(const MemoryReader& memory,
                                 const GoLayout& layout,
                                 const GoGlobals& globals) {
  GoCounters counters;
  for (int i = 0; i < kCounterReads && !counters.steady; ++i) {
    TRY(const Sched before, read_sched(memory, layout, globals.sched));
    TRY(const Processors first, read_processors(memory, layout, globals.allp));
    TRY(const std::uint64_t length,
        memory.value<std::uint64_t>(globals.allglen));
    TRY(const Processors second, read_processors(memory, layout, globals.allp));
    TRY(const Sched after, read_sched(memory, layout, globals.sched));
    if (second.overfull && i + 1 < kCounterReads) continue;
    // The end of a cache is the id behind its last.
    if (second.overfull || after.goidgen < second.unspent_ids ||
        second.last_id > after.goidgen + 1)
      return fail(Errc::kCorrupt, "the layout does not fit: goidgen");
    counters.steady = before == after && first == second;
    counters.created = after.goidgen - second.unspent_ids;
    const std::int64_t live = static_cast<std::int64_t>(length) -
                              after.free_gs - after.system_gs -
                              static_cast<std::int64_t>(second.free_gs);
    counters.live = live >= 1 && after.free_gs >= 0 ? live : -1;
  }
  return counters;
}

}  // namespace taskleak
