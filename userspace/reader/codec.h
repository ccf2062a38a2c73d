// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The bytes between the parent and its reader child. The child may be fooled
// by what it reads, so the parent trusts no byte: every length is held against
// what is left of the message before anything is allocated for it, and what
// does not fit is kCorrupt. One list of fields serves both directions
// (codec.cc), so that they cannot drift apart. Both ends are the same program
// on the same machine: no versions, no byte order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "model/census.h"
#include "reader/reader.h"

namespace taskleak {

/// What a frame holds. Requests are even, replies odd.
enum class FrameKind : std::uint32_t {
  kDetect = 2,
  kCensusRequest = 4,
  kError = 1,
  kDetection = 3,
  kCensus = 5,  ///< a part; the answer ends with the last one
};

/// Goes before every payload on the socket.
struct FrameHeader {
  static constexpr std::uint32_t kMagic = 0x646b6c74;
  std::uint32_t magic = kMagic;
  std::uint32_t kind = 0;
  std::uint64_t bytes = 0;  ///< of the payload
};

/// Reader::census() on the way to the child.
struct CensusOrder {
  std::uint64_t index = 0;
  bool full = false;
  std::int64_t deadline_ns = 0;  ///< CLOCK_MONOTONIC
  std::vector<std::uint64_t> name_pcs;
};

/// The longest string that crosses, bytes: function names of generics reach
/// some kilobytes. Longer ones are cut.
inline constexpr std::size_t kMaxStringBytes = 1U << 16;

using Payload = std::vector<std::byte>;

Payload encode(const CensusOrder& order);
Payload encode(const Error& error);
Payload encode(const Detection& detection);
Payload encode(const Census& census);

/// Each takes a whole payload. kCorrupt: it is cut short, has bytes left over,
/// a length that cannot be, or a number outside its enum; kLimit: more of
/// something than TaskTable holds.
Result<CensusOrder> decode_order(std::span<const std::byte> payload);
Result<Detection> decode_detection(std::span<const std::byte> payload);
Result<Census> decode_census(std::span<const std::byte> payload);
/// The error that crossed, or the one of decoding it.
Error decode_error(std::span<const std::byte> payload);

}  // namespace taskleak
