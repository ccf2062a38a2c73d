// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Reading the memory of a running process, never writing it, never stopping
// it. Everything that comes back may be half-written by the target or hostile:
// callers check before they believe, and bound every length that they took
// from the target before they use it.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/strong.h"

namespace taskleak {

/// What to tell a person who may not read process `pid`: which capability is
/// missing and the command that grants it.
std::string ptrace_denied_text(pid_t pid);

/// A piece of the target to read: `size` bytes at `at`.
struct MemoryRange {
  Addr at;
  std::uint32_t size = 0;
};

/// One process's memory. Implemented by ProcessMemory and, in unit tests, by
/// FakeMemory.
class MemoryReader {
 public:
  virtual ~MemoryReader() = default;

  /// Fills `out` from `at`. All or nothing: kFault when any byte of it is not
  /// mapped, kGone when the process has ended, kDenied without the right.
  virtual Status read(Addr at, std::span<std::byte> out) const = 0;

  /// Reads many ranges into `out`, one behind the other in their order (`out`
  /// holds at least the sum of their sizes). A range that cannot be read is
  /// zeroed and `ok[i]` is false (`ok` gets one entry a range). Cost is a
  /// system call for every 1024 ranges: sort and merge close ones first.
  virtual Status read_many(std::span<const MemoryRange> ranges,
                           std::span<std::byte> out,
                           std::vector<bool>& ok) const = 0;

  /// One trivially copyable value at `at`.
  template <class T>
  Result<T> value(Addr at) const {
    static_assert(std::is_trivially_copyable_v<T>);
    T result{};
    TRY(read(at, std::as_writable_bytes(std::span(&result, 1))));
    return result;
  }
};

/// The bytes of one struct of the target, copied once, decoded afterwards.
/// An offset outside the record yields 0 and never reads past it.
class Record {
 public:
  explicit Record(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::uint64_t u64(std::size_t offset) const {
    return get<std::uint64_t>(offset);
  }
  std::int64_t i64(std::size_t offset) const {
    return get<std::int64_t>(offset);
  }
  std::uint32_t u32(std::size_t offset) const {
    return get<std::uint32_t>(offset);
  }
  std::int32_t i32(std::size_t offset) const {
    return get<std::int32_t>(offset);
  }
  std::uint16_t u16(std::size_t offset) const {
    return get<std::uint16_t>(offset);
  }
  std::uint8_t u8(std::size_t offset) const {
    return get<std::uint8_t>(offset);
  }
  Addr addr(std::size_t offset) const { return Addr{u64(offset)}; }
  std::size_t size() const { return bytes_.size(); }

 private:
  template <class T>
  T get(std::size_t offset) const {
    T value{};
    if (offset <= bytes_.size() && bytes_.size() - offset >= sizeof(T))
      std::memcpy(&value, bytes_.data() + offset, sizeof(T));
    return value;
  }

  std::span<const std::byte> bytes_;
};

/// process_vm_readv on a process; needs CAP_SYS_PTRACE or the same user.
class ProcessMemory final : public MemoryReader {
 public:
  /// `pid` is the one of our pid namespace, `shown` the one that errors name.
  explicit ProcessMemory(pid_t pid, pid_t shown = 0)
      : pid_(pid), shown_(shown == 0 ? pid : shown) {}
  Status read(Addr at, std::span<std::byte> out) const override;
  Status read_many(std::span<const MemoryRange> ranges,
                   std::span<std::byte> out,
                   std::vector<bool>& ok) const override;

 private:
  std::unexpected<Error> failed(int os_error, std::uint64_t address) const;
  /// Bytes read, 0 when the first one cannot be; other errors as errno says.
  Result<std::size_t> read_once(std::span<std::byte> out,
                                std::span<const iovec> remote) const;

  pid_t pid_;
  pid_t shown_;
};

}  // namespace taskleak
