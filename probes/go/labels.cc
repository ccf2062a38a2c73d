// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Both forms of a goroutine's labels. The map is the one of Go up to 1.23
// (runtime/map.go): hmap {count int, flags, B uint8, noverflow uint16, hash0
// uint32, buckets, oldbuckets pointer}, its buckets of map[string]string
// {tophash [8]uint8, keys [8]string, values [8]string, overflow pointer}.
#include "probes/go/labels.h"

#include <algorithm>
#include <array>
#include <unordered_map>

namespace taskleak {
namespace {

constexpr int kFirstWithSlice = 24;
constexpr std::size_t kStringBytes = 16;
constexpr std::size_t kLabelBytes = 2 * kStringBytes;
constexpr std::size_t kHmapBytes = 32, kHmapB = 9, kHmapBuckets = 16,
                      kHmapOld = 24;
constexpr std::size_t kBucketSlots = 8, kBucketKeys = 8,
                      kBucketValues = kBucketKeys + 8 * kStringBytes,
                      kBucketOverflow = kBucketValues + 8 * kStringBytes,
                      kBucketBytes = kBucketOverflow + 8;
// runtime/map.go: a smaller tophash marks an empty or moved slot.
constexpr std::uint8_t kMinTopHash = 5;
constexpr int kMaxOverflowBuckets = 16;

}  // namespace

bool LabelReader::add(std::uint64_t key, std::uint64_t key_bytes,
                      std::uint64_t value, std::uint64_t value_bytes,
                      Labels& into) {
  if (into.size() == kMaxLabels || key_bytes > kMaxKeyBytes ||
      value_bytes > kMaxValueBytes)
    return false;
  std::string name(key_bytes, '\0');
  std::string text(value_bytes, '\0');
  if (key_bytes != 0 &&
      !memory_.read(Addr{key}, std::as_writable_bytes(std::span(name))))
    return false;
  if (value_bytes != 0 &&
      !memory_.read(Addr{value}, std::as_writable_bytes(std::span(text))))
    return false;
  into.emplace_back(std::move(name), std::move(text));
  return true;
}

Labels LabelReader::read_slice(std::uint64_t address) {
  struct Slice {
    std::uint64_t data, length, capacity;
  };
  Labels labels;
  const Result<Slice> slice = memory_.value<Slice>(Addr{address});
  if (!slice || slice->length > slice->capacity) return labels;
  if (slice->length > kMaxLabels) ++cut_;
  const std::size_t count = std::min<std::uint64_t>(slice->length, kMaxLabels);
  std::vector<std::byte> bytes(count * kLabelBytes);
  if (!memory_.read(Addr{slice->data}, bytes)) return labels;
  const Record raw(bytes);
  for (std::size_t at = 0; at < bytes.size(); at += kLabelBytes)
    if (!add(raw.u64(at), raw.u64(at + 8), raw.u64(at + 16), raw.u64(at + 24),
             labels))
      ++cut_;
  return labels;
}

Labels LabelReader::read_map(std::uint64_t address) {
  Labels labels;
  std::array<std::byte, kHmapBytes> header{};
  const Result<std::uint64_t> map = memory_.value<std::uint64_t>(Addr{address});
  if (!map || *map == 0 || !memory_.read(Addr{*map}, header)) return labels;
  const Record hmap(header);
  const int bits = hmap.u8(kHmapB);
  // A label map is written once, before it is set: one that grows is none.
  if (bits > kMaxBucketBits || hmap.u64(kHmapOld) != 0) {
    ++cut_;
    return labels;
  }
  std::array<std::byte, kBucketBytes> bytes{};
  for (std::uint64_t b = 0; b < (std::uint64_t{1} << bits); ++b) {
    std::uint64_t at = hmap.u64(kHmapBuckets) + b * kBucketBytes;
    for (int chain = 0; at != 0 && chain < kMaxOverflowBuckets; ++chain) {
      if (!memory_.read(Addr{at}, bytes)) break;
      const Record bucket(bytes);
      for (std::size_t i = 0; i < kBucketSlots; ++i) {
        if (bucket.u8(i) < kMinTopHash) continue;
        const std::size_t key = kBucketKeys + i * kStringBytes;
        const std::size_t value = kBucketValues + i * kStringBytes;
        if (!add(bucket.u64(key), bucket.u64(key + 8), bucket.u64(value),
                 bucket.u64(value + 8), labels))
          ++cut_;
      }
      at = bucket.u64(kBucketOverflow);
    }
  }
  return labels;
}

Labels LabelReader::read(std::uint64_t address) {
  Labels labels =
      go_minor_ >= kFirstWithSlice ? read_slice(address) : read_map(address);
  std::sort(labels.begin(), labels.end());
  return labels;
}

Status LabelReader::resolve(std::span<WalkedTask> tasks) {
  // Known for this batch only: a freed set's address may be used again.
  std::unordered_map<std::uint64_t, LabelsId> known;
  for (WalkedTask& task : tasks) {
    if (task.g.labels == 0) continue;
    const auto [entry, fresh] =
        known.try_emplace(task.g.labels, LabelsId::none());
    if (fresh) entry->second = symbols_.labels(read(task.g.labels));
    task.labels = entry->second;
  }
  return {};
}

}  // namespace taskleak
