// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// A map from 64-bit keys to 32-bit values: open addressing in one flat array,
// nothing ever erased. For the lookups that a census makes a million times.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace taskleak {

/// Mixes a 64-bit key so that all bits of the result depend on all of it.
constexpr std::uint64_t mix64(std::uint64_t x) {
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93ULL;
  x ^= x >> 32;
  return x;
}

class FlatMap {
 public:
  static constexpr std::uint32_t kMissing = 0xffffffffU;

  FlatMap() : entries_(kFirstSlots) {}

  /// The value of `key`, kMissing when there is none.
  std::uint32_t find(std::uint64_t key) const {
    const std::size_t mask = entries_.size() - 1;
    for (std::size_t i = mix64(key) & mask;; i = (i + 1) & mask) {
      if (entries_[i].value == kMissing) return kMissing;
      if (entries_[i].key == key) return entries_[i].value;
    }
  }
  /// Adds a key that is not there yet; `value` is not kMissing.
  void insert(std::uint64_t key, std::uint32_t value) {
    if (++count_ * 2 > entries_.size()) grow();
    place({key, value});
  }
  std::size_t size() const { return count_; }
  void clear() {
    entries_.assign(kFirstSlots, {});
    count_ = 0;
  }

 private:
  struct Entry {
    std::uint64_t key = 0;
    std::uint32_t value = kMissing;
  };
  static constexpr std::size_t kFirstSlots = 64;

  void place(const Entry& entry) {
    const std::size_t mask = entries_.size() - 1;
    std::size_t i = mix64(entry.key) & mask;
    while (entries_[i].value != kMissing) i = (i + 1) & mask;
    entries_[i] = entry;
  }
  void grow() {
    std::vector<Entry> old(entries_.size() * 2);
    old.swap(entries_);
    for (const Entry& entry : old)
      if (entry.value != kMissing) place(entry);
  }

  std::vector<Entry> entries_;
  std::size_t count_ = 0;
};

}  // namespace taskleak
