// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Frames over a stream socket, each with a deadline. Both ends use it; only
// the parent has reason to mistrust what comes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "base/fd.h"
#include "base/result.h"
#include "reader/codec.h"

namespace taskleak {

inline constexpr std::int64_t kNoDeadline =
    std::numeric_limits<std::int64_t>::max();

/// A frame as it arrived.
struct Envelope {
  FrameKind kind{};
  Payload payload;
};

/// One end of the socket. Not thread-safe.
class Channel {
 public:
  /// `socket` is connected and non-blocking.
  explicit Channel(Fd socket) : socket_(std::move(socket)) {}

  /// Sends one frame until `deadline_ns`. kTimeout, kGone: the other end
  /// closed, kOs.
  Status send(FrameKind kind, std::span<const std::byte> payload,
              std::int64_t deadline_ns) const;
  /// Receives one frame. Memory is taken as bytes arrive, not as promised.
  /// kCorrupt: no frame of ours; kLimit: longer than `max_bytes`; else as
  /// send().
  Result<Envelope> receive(std::size_t max_bytes,
                           std::int64_t deadline_ns) const;

 private:
  Status wait_for(short events, std::int64_t deadline_ns) const;
  Status send_all(std::span<const std::byte> bytes,
                  std::int64_t deadline_ns) const;
  Status receive_all(std::span<std::byte> bytes,
                     std::int64_t deadline_ns) const;

  Fd socket_;
};

}  // namespace taskleak
