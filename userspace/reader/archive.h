// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Encoder and Decoder: the same calls in the same order write a message and
// read it back. After the first thing that does not fit, a Decoder only yields
// zeros and empty lists; status() says what it was, so nobody has to check in
// between.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.h"

namespace taskleak {

class Encoder {
 public:
  /// Longer strings are cut to `max_text` bytes.
  explicit Encoder(std::size_t max_text) : max_text_(max_text) {}

  void reserve(std::size_t bytes) { out_.reserve(bytes); }
  /// A number, whole enum values included.
  template <class T>
  void number(const T& value) {
    static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
    raw(&value, sizeof(value));
  }
  template <class T>
  void choice(const T& value, T /*last*/) {
    number(value);
  }
  void flag(const bool& value) { number<std::uint8_t>(value ? 1 : 0); }
  void text(const std::string& value) {
    const std::size_t size = std::min(value.size(), max_text_);
    number<std::uint64_t>(size);
    raw(value.data(), size);
  }
  /// Trivially copyable elements, as they lie in memory; no padding in T.
  template <class T>
  void block(const std::vector<T>& values, std::size_t /*cap*/ = 0) {
    static_assert(std::has_unique_object_representations_v<T>);
    number<std::uint64_t>(values.size());
    raw(values.data(), values.size() * sizeof(T));
  }
  /// `each(element)` for every one. `min_bytes` of an element on the wire.
  template <class T, class Each>
  void list(const std::vector<T>& values, std::size_t /*min_bytes*/,
            std::size_t /*cap*/, Each&& each) {
    number<std::uint64_t>(values.size());
    for (const T& value : values) each(value);
  }

  std::vector<std::byte> take() { return std::move(out_); }

 private:
  void raw(const void* from, std::size_t size) {
    const auto* bytes = static_cast<const std::byte*>(from);
    out_.insert(out_.end(), bytes, bytes + size);
  }

  std::vector<std::byte> out_;
  std::size_t max_text_;
};

class Decoder {
 public:
  /// `max_text` bytes at most in one string.
  Decoder(std::span<const std::byte> in, std::size_t max_text)
      : in_(in), max_text_(max_text) {}

  template <class T>
  void number(T& value) {
    static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
    value = T{};
    if (need(sizeof(T))) raw(&value, sizeof(T));
  }
  /// An enum whose largest value is `last`.
  template <class T>
  void choice(T& value, T last) {
    using Number = std::underlying_type_t<T>;
    Number got{};
    number(got);
    if (got > static_cast<Number>(last)) return refuse(Errc::kCorrupt, "enum");
    value = static_cast<T>(got);
  }
  void flag(bool& value) {
    std::uint8_t got = 0;
    number(got);
    if (got > 1) return refuse(Errc::kCorrupt, "flag");
    value = got != 0;
  }
  void text(std::string& value) {
    const std::size_t size = count(1, max_text_);
    value.assign(size, '\0');
    raw(value.data(), size);
  }
  template <class T>
  void block(std::vector<T>& values, std::size_t cap) {
    static_assert(std::is_trivially_copyable_v<T>);
    values.assign(count(sizeof(T), cap), T{});
    raw(values.data(), values.size() * sizeof(T));
  }
  template <class T, class Each>
  void list(std::vector<T>& values, std::size_t min_bytes, std::size_t cap,
            Each&& each) {
    values.resize(count(min_bytes, cap));
    for (T& value : values) {
      if (failed_) return;
      each(value);
    }
  }

  /// Refuses the rest of the message.
  void refuse(Errc code, const char* what) {
    if (failed_) return;
    failed_ = true;
    code_ = code;
    what_ = what;
    in_ = {};
  }
  /// Whether all fitted and nothing is left over.
  Status status() const {
    if (failed_)
      return fail(code_, std::string("message of the reader: bad ") + what_);
    if (!in_.empty())
      return fail(Errc::kCorrupt, "message of the reader: bytes left over");
    return {};
  }

 private:
  bool need(std::size_t size) {
    if (size <= in_.size()) return true;
    refuse(Errc::kCorrupt, "length");
    return false;
  }
  /// A length: at most `cap`, and of elements that fit into what is left.
  std::size_t count(std::size_t min_bytes, std::size_t cap) {
    std::uint64_t got = 0;
    number(got);
    if (got > in_.size() / min_bytes) {
      refuse(Errc::kCorrupt, "length");
      return 0;
    }
    if (got > cap) {
      refuse(Errc::kLimit, "size: more than the model holds");
      return 0;
    }
    return static_cast<std::size_t>(got);
  }
  void raw(void* to, std::size_t size) {
    if (size == 0) return;
    std::memcpy(to, in_.data(), size);
    in_ = in_.subspan(size);
  }

  std::span<const std::byte> in_;
  std::size_t max_text_;
  bool failed_ = false;
  Errc code_ = Errc::kCorrupt;
  const char* what_ = "";
};

}  // namespace taskleak
