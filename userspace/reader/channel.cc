// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Frames in and out; see channel.h.
#include "reader/channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "base/clock.h"

namespace taskleak {
namespace {

constexpr std::size_t kReceiveStepBytes = std::size_t{4} << 20;

int poll_timeout_ms(std::int64_t deadline_ns) {
  if (deadline_ns == kNoDeadline) return -1;
  const std::int64_t left = deadline_ns - monotonic_now_ns();
  const std::int64_t ms = (left + kNsPerMs - 1) / kNsPerMs;
  constexpr std::int64_t kMax = std::numeric_limits<int>::max();
  return static_cast<int>(std::clamp<std::int64_t>(ms, 0, kMax));
}

bool would_block(int error) { return error == EAGAIN || error == EINTR; }

}  // namespace

Status Channel::wait_for(short events, std::int64_t deadline_ns) const {
  while (true) {
    pollfd waiting{socket_.get(), events, 0};
    const int ready = poll(&waiting, 1, poll_timeout_ms(deadline_ns));
    if (ready > 0) return {};
    if (ready == 0) return fail(Errc::kTimeout, "deadline passed");
    if (errno != EINTR) return fail_os("poll", errno);
  }
}

Status Channel::send_all(std::span<const std::byte> bytes,
                         std::int64_t deadline_ns) const {
  while (!bytes.empty()) {
    const ssize_t sent =
        ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno == EPIPE || errno == ECONNRESET)
      return fail(Errc::kGone, "the other end is closed");
    if (!would_block(errno)) return fail_os("send", errno);
    TRY(wait_for(POLLOUT, deadline_ns));
  }
  return {};
}

Status Channel::receive_all(std::span<std::byte> bytes,
                            std::int64_t deadline_ns) const {
  while (!bytes.empty()) {
    const ssize_t got = recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (got > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(got));
      continue;
    }
    if (got == 0 || errno == ECONNRESET)
      return fail(Errc::kGone, "the other end is closed");
    if (!would_block(errno)) return fail_os("receive", errno);
    TRY(wait_for(POLLIN, deadline_ns));
  }
  return {};
}

Status Channel::send(FrameKind kind, std::span<const std::byte> payload,
                     std::int64_t deadline_ns) const {
  const FrameHeader header{.kind = static_cast<std::uint32_t>(kind),
                           .bytes = payload.size()};
  TRY(send_all(std::as_bytes(std::span(&header, 1)), deadline_ns));
  return send_all(payload, deadline_ns);
}

Result<Envelope> Channel::receive(std::size_t max_bytes,
                                  std::int64_t deadline_ns) const {
  FrameHeader header;
  TRY(receive_all(std::as_writable_bytes(std::span(&header, 1)), deadline_ns));
  if (header.magic != FrameHeader::kMagic)
    return fail(Errc::kCorrupt, "not a message of the reader");
  if (header.bytes > max_bytes)
    return fail(Errc::kLimit, "message of " + std::to_string(header.bytes) +
                                  " bytes is longer than allowed");
  Envelope envelope{static_cast<FrameKind>(header.kind), {}};
  Payload& payload = envelope.payload;
  while (payload.size() < header.bytes) {
    const std::size_t have = payload.size();
    const std::size_t step = std::max(kReceiveStepBytes, have);
    payload.resize(std::min<std::size_t>(header.bytes, have + step));
    TRY(receive_all(std::span(payload).subspan(have), deadline_ns));
  }
  return envelope;
}

}  // namespace taskleak
