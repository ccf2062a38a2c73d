// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// process_vm_readv, one range or many. The kernel stops at the first byte that
// is not mapped and says how far it came: what lies whole in front of that is
// good, the range that it stopped in is bad, and the next call goes on behind
// it. So one bad range costs one more system call and never its neighbours.
#include "target/memory.h"

#include <fmt/format.h>
#include <limits.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace taskleak {
namespace {

/// Ranges in one system call: the kernel takes no more (UIO_MAXIOV).
constexpr std::size_t kMaxRangesPerCall = 1024;
static_assert(kMaxRangesPerCall <= IOV_MAX);
/// Bytes in one system call. The kernel moves at most 2 GiB less a page, and a
/// call cut short by that would look like a fault.
constexpr std::size_t kMaxBytesPerCall = std::size_t{1} << 30;

iovec remote_iovec(Addr at, std::size_t size) {
  return {reinterpret_cast<void*>(at.value), size};
}

/// How many ranges, from the first, go into one call, and their bytes.
struct Batch {
  std::size_t ranges = 0;
  std::size_t bytes = 0;
};

Batch next_batch(std::span<const MemoryRange> ranges) {
  Batch batch;
  for (const MemoryRange& range :
       ranges.first(std::min(ranges.size(), kMaxRangesPerCall))) {
    if (batch.bytes + range.size > kMaxBytesPerCall) break;
    batch.bytes += range.size;
    batch.ranges++;
  }
  return batch;
}

/// Of `ranges`, of which `got` bytes came: marks the good ones, zeroes the one
/// that failed, returns how many are settled and their bytes.
Batch settle(std::span<const MemoryRange> ranges, std::size_t got,
             std::span<std::byte> out, std::vector<bool>& ok) {
  Batch settled;
  for (const MemoryRange& range : ranges) {
    const bool good = range.size <= got - settled.bytes;
    ok.push_back(good);
    settled.ranges++;
    if (!good) {
      const auto bad = out.subspan(settled.bytes, range.size);
      std::fill(bad.begin(), bad.end(), std::byte{0});
      settled.bytes += range.size;
      break;
    }
    settled.bytes += range.size;
  }
  return settled;
}

}  // namespace

std::string ptrace_denied_text(pid_t pid) {
  return fmt::format(
      "not allowed to read process {}: this needs CAP_SYS_PTRACE; run it as "
      "root (sudo task-leakd ...) or grant it once: sudo setcap "
      "cap_sys_ptrace,cap_bpf,cap_perfmon,cap_dac_read_search+ep "
      "\"$(command -v task-leakd)\"",
      pid);
}

std::unexpected<Error> ProcessMemory::failed(int os_error,
                                             std::uint64_t address) const {
  switch (os_error) {
    case EFAULT: return fail(Errc::kFault, "memory is not readable", address);
    case ESRCH:
      return fail(Errc::kGone, fmt::format("process {} has ended", shown_));
    case EPERM:
    case EACCES: return fail(Errc::kDenied, ptrace_denied_text(shown_));
    default:
      return fail_os(fmt::format("reading the memory of process {}", shown_),
                     os_error);
  }
}

Result<std::size_t> ProcessMemory::read_once(
    std::span<std::byte> out, std::span<const iovec> remote) const {
  const iovec local{out.data(), out.size()};
  const ssize_t got =
      process_vm_readv(pid_, &local, 1, remote.data(), remote.size(), 0);
  if (got >= 0) return static_cast<std::size_t>(got);
  if (errno == EFAULT) return 0;
  return failed(errno, 0);
}

Status ProcessMemory::read(Addr at, std::span<std::byte> out) const {
  std::size_t done = 0;
  while (done < out.size()) {
    const std::size_t size = std::min(out.size() - done, kMaxBytesPerCall);
    const std::array remote = {remote_iovec(at + done, size)};
    TRY(const std::size_t got, read_once(out.subspan(done, size), remote));
    done += got;
    if (got < size) return failed(EFAULT, (at + done).value);
  }
  return {};
}

Status ProcessMemory::read_many(std::span<const MemoryRange> ranges,
                                std::span<std::byte> out,
                                std::vector<bool>& ok) const {
  ok.clear();
  ok.reserve(ranges.size());
  std::array<iovec, kMaxRangesPerCall> remote;
  while (!ranges.empty()) {
    const Batch batch = next_batch(ranges);
    if (batch.ranges == 0) {  // one range larger than a call may be
      const auto space = out.first(ranges.front().size);
      const Status whole = read(ranges.front().at, space);
      if (!whole && whole.error().code() != Errc::kFault) return whole;
      const std::size_t got = whole ? space.size() : 0;
      settle(ranges.first(1), got, space, ok);
      out = out.subspan(space.size());
      ranges = ranges.subspan(1);
      continue;
    }
    for (std::size_t i = 0; i < batch.ranges; i++)
      remote[i] = remote_iovec(ranges[i].at, ranges[i].size);
    TRY(const std::size_t got,
        read_once(out.first(batch.bytes),
                  std::span(remote).first(batch.ranges)));
    const Batch settled = settle(ranges.first(batch.ranges), got, out, ok);
    out = out.subspan(settled.bytes);
    ranges = ranges.subspan(settled.ranges);
  }
  return {};
}

}  // namespace taskleak
