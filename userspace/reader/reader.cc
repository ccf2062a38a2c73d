// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The parent's side: starts the child, asks it, and ends it when it fails in
// any way. After a failure this handle is spent.
#include "reader/reader.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "reader/channel.h"
#include "reader/codec.h"
#include "reader/sandbox.h"

namespace taskleak {
namespace {

/// Share of a deadline that the child gets for the walk; the rest is for the
/// answer to cross.
constexpr std::int64_t kWalkTenths = 9;
constexpr int kSocketBytes = 4 << 20;

/// Why a child that is dead already died.
Error cause_of_death(int status, std::uint64_t memory_bytes) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == kExitMemoryCap)
    return {Errc::kLimit, "the reader reached its memory cap of " +
                              std::to_string(memory_bytes >> 20) + " MiB"};
  if (WIFSIGNALED(status))
    return {Errc::kCorrupt, std::string("the reader was ended by signal: ") +
                                strsignal(WTERMSIG(status))};
  return {Errc::kCorrupt, "the reader ended with status " +
                              std::to_string(WEXITSTATUS(status))};
}

}  // namespace

struct Reader::Impl {
  Impl(std::shared_ptr<Forker> maker, pid_t pid, Fd socket,
       const ReaderLimits& bounds)
      : forker(std::move(maker)),
        child(pid),
        channel(std::move(socket)),
        limits(bounds) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { end(); }

  /// Ends and reaps the child; its wait status, 0 when it was reaped before.
  int end() {
    return child > 0 ? forker->end_reader(std::exchange(child, 0)) : 0;
  }

  /// The child failed us: what is known of why, and an end to it.
  std::unexpected<Error> give_up(Error error) {
    const int status = end();
    // A closed socket is but a sign of its death.
    if (error.code() == Errc::kGone)
      error = cause_of_death(status, limits.memory_bytes);
    return std::unexpected(std::move(error));
  }

  /// The payload of the answer, which must be of kind `expected`.
  Result<Payload> ask(FrameKind request, std::span<const std::byte> payload,
                      FrameKind expected, std::int64_t deadline_ns) {
    if (child <= 0) return fail(Errc::kCorrupt, "the reader has ended");
    if (Status sent = channel.send(request, payload, deadline_ns); !sent)
      return give_up(std::move(sent).error().in("asking the reader"));
    return answer_of(expected, deadline_ns);
  }

  /// The payload of what comes next, which must be of kind `expected`.
  Result<Payload> answer_of(FrameKind expected, std::int64_t deadline_ns) {
    auto answer = channel.receive(limits.reply_bytes, deadline_ns);
    if (!answer)
      return give_up(std::move(answer).error().in("waiting for the reader"));
    if (answer->kind == FrameKind::kError)
      return std::unexpected(decode_error(answer->payload));
    if (answer->kind != expected)
      return give_up({Errc::kCorrupt, "an answer to another question"});
    return std::move(answer->payload);
  }

  std::shared_ptr<Forker> forker;
  pid_t child = 0;
  Channel channel;
  ReaderLimits limits;
};

Result<Reader> Reader::start(std::shared_ptr<Forker> forker, pid_t pid,
                             const ReaderLimits& limits) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) <
      0)
    return fail_os("making the reader's socket", errno);
  Fd ours(ends[0]);
  Fd theirs(ends[1]);
  // Only speed: a census of many tasks then crosses in fewer turns.
  for (const int end : ends)
    setsockopt(end, SOL_SOCKET, SO_SNDBUF, &kSocketBytes, sizeof(kSocketBytes));
  TRY(const pid_t child, forker->make_reader(pid, limits, theirs));
  Reader reader;
  reader.impl_ =
      std::make_unique<Impl>(std::move(forker), child, std::move(ours), limits);
  return reader;
}

Result<Detection> Reader::detect() {
  const std::int64_t deadline_ns =
      monotonic_now_ns() + impl_->limits.detect_deadline_ns;
  TRY(const Payload payload,
      impl_->ask(FrameKind::kDetect, {}, FrameKind::kDetection, deadline_ns));
  auto detection = decode_detection(payload);
  if (!detection) return impl_->give_up(std::move(detection).error());
  return detection;
}

Status Reader::census(std::size_t index, bool full,
                      std::vector<std::uint64_t> name_pcs,
                      const CensusSink& sink) {
  const std::int64_t now_ns = monotonic_now_ns();
  const std::int64_t allowed_ns = impl_->limits.census_deadline_ns;
  const CensusOrder order{.index = index,
                          .full = full,
                          .deadline_ns = now_ns + allowed_ns / 10 * kWalkTenths,
                          .name_pcs = std::move(name_pcs)};
  TRY(Payload payload, impl_->ask(FrameKind::kCensusRequest, encode(order),
                                  FrameKind::kCensus, now_ns + allowed_ns));
  while (true) {
    auto part = decode_census(payload);
    if (!part) return impl_->give_up(std::move(part).error());
    const bool last = part->last;
    // The rest of the answer is still on its way: nothing can follow it.
    if (Status taken = sink(std::move(*part)); !taken)
      return impl_->give_up(std::move(taken).error());
    if (last) return {};
    TRY(payload, impl_->answer_of(FrameKind::kCensus, now_ns + allowed_ns));
  }
}

pid_t Reader::child_pid() const { return impl_->child; }

Reader::Reader() = default;
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;
Reader::~Reader() = default;

}  // namespace taskleak
