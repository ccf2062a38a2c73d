// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Types that keep two kinds of number apart: an address of the target is not a
// pointer of ours, and an index of one table is no index of another.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace taskleak {

/// An address in the target's address space. Never dereferenced here.
struct Addr {
  std::uint64_t value = 0;

  constexpr explicit operator bool() const { return value != 0; }
  constexpr auto operator<=>(const Addr&) const = default;
  constexpr Addr operator+(std::uint64_t bytes) const {
    return Addr{value + bytes};
  }
  constexpr Addr operator-(std::uint64_t bytes) const {
    return Addr{value - bytes};
  }
};

/// Index into one kind of table, told apart by `Tag`; none() marks no entry.
template <class Tag>
struct Index {
  static constexpr std::uint32_t kNone = 0xffffffffU;
  std::uint32_t value = kNone;

  static constexpr Index none() { return Index{}; }
  constexpr bool valid() const { return value != kNone; }
  constexpr auto operator<=>(const Index&) const = default;
};

}  // namespace taskleak

template <>
struct std::hash<taskleak::Addr> {
  std::size_t operator()(const taskleak::Addr& a) const noexcept {
    return std::hash<std::uint64_t>{}(a.value);
  }
};
template <class Tag>
struct std::hash<taskleak::Index<Tag>> {
  std::size_t operator()(const taskleak::Index<Tag>& i) const noexcept {
    return std::hash<std::uint32_t>{}(i.value);
  }
};
