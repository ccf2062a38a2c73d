// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Maps are read in batches, a bucket at a time under its lock, so an entry is
// seen once however many are inserted meanwhile; one inserted behind the
// cursor waits for the next read.
#include "kernel/drain.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <type_traits>

namespace taskleak {
namespace {

/// Entries of one batch; doubled when a single bucket holds more.
constexpr std::uint32_t kBatchEntries = 1024;
constexpr std::uint32_t kMaxBatchEntries = 1 << 20;

static_assert(std::has_unique_object_representations_v<taskleak_config>);
static_assert(std::has_unique_object_representations_v<taskleak_site_key>);
static_assert(std::has_unique_object_representations_v<taskleak_site_counts>);
static_assert(std::has_unique_object_representations_v<taskleak_park_key>);
static_assert(std::has_unique_object_representations_v<taskleak_park>);
static_assert(std::has_unique_object_representations_v<taskleak_wait_key>);
static_assert(
    std::has_unique_object_representations_v<taskleak_wait_histogram>);
static_assert(std::has_unique_object_representations_v<taskleak_counters>);
static_assert(TASKLEAK_WAIT_BUCKETS == WaitHistogram::kBuckets);

/// Calls visit(key, value) for every entry of a hash map.
template <class Key, class Value, class Visit>
Status for_each(int map, Visit visit) {
  std::uint32_t room = kBatchEntries;
  std::vector<Key> keys(room);
  std::vector<Value> values(room);
  std::uint32_t cursor = 0;
  bool begun = false;
  for (;;) {
    std::uint32_t count = room;
    std::uint32_t next = 0;
    const auto options = libbpf_options<bpf_map_batch_opts>();
    const int error =
        bpf_map_lookup_batch(map, begun ? &cursor : nullptr, &next, keys.data(),
                             values.data(), &count, &options);
    if (error == -ENOSPC && room < kMaxBatchEntries) {
      room *= 2;
      keys.resize(room);
      values.resize(room);
      continue;
    }
    if (error != 0 && error != -ENOENT)
      return fail_os("reading a map in batches", -error);
    for (std::uint32_t i = 0; i < count; ++i) visit(keys[i], values[i]);
    if (error == -ENOENT) return {};
    cursor = next;
    begun = true;
  }
}

template <class Key>
bool belongs(const Key& key, MapOwner owner) {
  return key.target == owner.slot && key.generation == owner.generation;
}

template <class Key, class Value>
Status purge_map(int map, std::uint32_t slot) {
  std::vector<Key> dead;
  TRY((for_each<Key, Value>(map, [&](const Key& key, const Value&) {
    if (key.target == slot) dead.push_back(key);
  })));
  for (const Key& key : dead) {
    const int error = bpf_map_delete_elem(map, &key);
    if (error != 0 && error != -ENOENT)
      return fail_os("removing an entry of a map", -error);
  }
  return {};
}

}  // namespace

Result<taskleak_counters> read_counters(const LoadedObject& object,
                                        std::uint32_t slot) {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return fail_os("counting the processors", -cpus);
  std::vector<taskleak_counters> per_cpu(static_cast<std::size_t>(cpus));
  const int error =
      bpf_map_lookup_elem(object.counters_map(), &slot, per_cpu.data());
  if (error != 0) return fail_os("reading counters", -error);
  taskleak_counters sum{};
  for (const taskleak_counters& cpu : per_cpu)
    for (int i = 0; i < TASKLEAK_COUNTERS; ++i) sum.of[i] += cpu.of[i];
  return sum;
}

Status clear_counters(const LoadedObject& object, std::uint32_t slot) {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return fail_os("counting the processors", -cpus);
  const std::vector<taskleak_counters> zero(static_cast<std::size_t>(cpus));
  const int error =
      bpf_map_update_elem(object.counters_map(), &slot, zero.data(), BPF_ANY);
  if (error != 0) return fail_os("clearing counters", -error);
  return {};
}

Result<std::vector<EventSite>> read_sites(const LoadedObject& object,
                                          MapOwner owner) {
  std::vector<EventSite> sites;
  TRY((for_each<taskleak_site_key, taskleak_site_counts>(
      object.sites_map(), [&](const auto& key, const auto& counts) {
        if (belongs(key, owner))
          sites.push_back({key.pc, counts.created, counts.ended});
      })));
  return sites;
}

Result<std::vector<EventWaits>> read_waits(const LoadedObject& object,
                                           MapOwner owner) {
  std::vector<EventWaits> waits;
  TRY((for_each<taskleak_wait_key, taskleak_wait_histogram>(
      object.waits_map(), [&](const auto& key, const auto& histogram) {
        if (!belongs(key, owner)) return;
        EventWaits& entry = waits.emplace_back();
        entry.pc = key.pc;
        entry.raw_reason = key.reason;
        for (const std::uint64_t bucket : histogram.buckets)
          entry.histogram.count += bucket;
        entry.histogram.sum_ns = histogram.sum_ns;
        std::ranges::copy(histogram.buckets, entry.histogram.buckets.begin());
      })));
  return waits;
}

std::optional<EventPark> read_park(const LoadedObject& object, MapOwner owner,
                                   std::uint64_t record) {
  const taskleak_park_key key{owner.slot, owner.generation, record};
  taskleak_park park{};
  if (bpf_map_lookup_elem(object.parks_map(), &key, &park) != 0 ||
      park.start_ns == 0)
    return std::nullopt;
  return EventPark{.start_ns = static_cast<std::int64_t>(park.start_ns),
                   .raw_id = park.raw_id,
                   .raw_reason = park.reason,
                   .run_count = static_cast<std::uint8_t>(park.run_count)};
}

Status purge(const LoadedObject& object, std::uint32_t slot,
             ProbeClass probe_class) {
  switch (probe_class) {
    case ProbeClass::kLifecycle:
      return purge_map<taskleak_site_key, taskleak_site_counts>(
          object.sites_map(), slot);
    case ProbeClass::kWait: {
      TRY((purge_map<taskleak_park_key, taskleak_park>(object.parks_map(),
                                                       slot)));
      return purge_map<taskleak_wait_key, taskleak_wait_histogram>(
          object.waits_map(), slot);
    }
  }
  return {};
}

}  // namespace taskleak
