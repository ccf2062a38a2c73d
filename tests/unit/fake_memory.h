// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// A target's memory that a test writes down: bytes at addresses, everything
// else unmapped. It behaves as process_vm_readv does where that matters: a
// range with one unmapped byte is a fault as a whole, and in read_many costs
// only itself.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "target/memory.h"

namespace taskleak {

class FakeMemory final : public MemoryReader {
 public:
  /// Maps `bytes` at `at`; bytes that were there already are replaced.
  void set(Addr at, std::span<const std::byte> bytes) {
    for (std::size_t i = 0; i < bytes.size(); i++)
      bytes_[at.value + i] = bytes[i];
  }
  void set_text(Addr at, std::string_view text) {
    set(at, std::as_bytes(std::span(text)));
  }
  /// Maps one number or struct as it lies in memory.
  template <class T>
  void set_value(Addr at, const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    set(at, std::as_bytes(std::span(&value, 1)));
  }
  /// Maps `size` zero bytes.
  void set_zero(Addr at, std::size_t size) {
    set(at, std::vector<std::byte>(size));
  }
  void unmap(Addr at, std::size_t size) {
    bytes_.erase(bytes_.lower_bound(at.value),
                 bytes_.lower_bound(at.value + size));
  }
  /// From now on every read fails with this code (kGone: the target ended).
  void fail_all(Errc code) { failure_ = code; }
  /// How many calls of read and read_many there were.
  int calls() const { return calls_; }

  Status read(Addr at, std::span<std::byte> out) const override {
    calls_++;
    if (failure_) return fail(*failure_, "as the test says");
    return copy(at, out);
  }

  Status read_many(std::span<const MemoryRange> ranges,
                   std::span<std::byte> out,
                   std::vector<bool>& ok) const override {
    calls_++;
    if (failure_) return fail(*failure_, "as the test says");
    ok.clear();
    for (const MemoryRange& range : ranges) {
      const auto part = out.first(range.size);
      ok.push_back(copy(range.at, part).has_value());
      if (!ok.back()) std::fill(part.begin(), part.end(), std::byte{0});
      out = out.subspan(range.size);
    }
    return {};
  }

 private:
  Status copy(Addr at, std::span<std::byte> out) const {
    auto next = bytes_.find(at.value);
    for (std::size_t i = 0; i < out.size(); i++, ++next) {
      if (next == bytes_.end() || next->first != at.value + i)
        return fail(Errc::kFault, "memory is not readable", at.value + i);
      out[i] = next->second;
    }
    return {};
  }

  std::map<std::uint64_t, std::byte> bytes_;
  std::optional<Errc> failure_;
  mutable int calls_ = 0;
};

}  // namespace taskleak
