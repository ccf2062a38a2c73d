// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// A Go program's memory, written by a test: processors, the list of
// goroutines, their records, stacks and wait objects; and the functions that
// stand on the stacks.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "probes/go/census.h"
#include "tests/unit/fake_memory.h"
#include "tests/unit/go/fake_code.h"

namespace taskleak {

/// Memory that changes under the reader: `before_read` runs ahead of each.
class MovingMemory final : public MemoryReader {
 public:
  explicit MovingMemory(FakeMemory& memory) : memory_(memory) {}
  Status read(Addr at, std::span<std::byte> out) const override {
    step();
    return memory_.read(at, out);
  }
  Status read_many(std::span<const MemoryRange> ranges,
                   std::span<std::byte> out,
                   std::vector<bool>& ok) const override {
    step();
    return memory_.read_many(ranges, out, ok);
  }
  std::function<void()> before_read;

 private:
  void step() const {
    if (before_read) before_read();
  }
  FakeMemory& memory_;
};

class FakeWorld {
 public:
  static constexpr std::uint64_t kList = 0x800000;
  static constexpr std::uint64_t kRecords = 0xc000000000;
  static constexpr std::uint64_t kStacks = 0xc001000000;
  static constexpr std::uint64_t kStackBytes = 0x4000;
  static constexpr std::uint64_t kHeap = 0xc000200000;
  enum Reason : std::uint8_t {
    kZero,
    kReceive,
    kSelect,
    kMutexLock,
    kRLock,
    kWaitGroup,
    kCondWait,
    kIo,
    kSleep,
    kSemacquire,
  };

  explicit FakeWorld(GoVersion version = {26, 8});

  /// A goroutine with this id, running; its number from 0 on.
  std::size_t add(std::uint64_t goid);
  std::uint64_t g(std::size_t n) const { return kRecords + n * 0x200; }
  std::uint64_t stack_hi(std::size_t n) const {
    return kStacks + (n + 1) * kStackBytes;
  }
  /// Parks it with these functions on its stack, innermost first.
  void park(std::size_t n, Reason reason,
            const std::vector<std::string>& functions);
  /// Where the frame of the `depth`-th of those functions begins.
  std::uint64_t frame(std::size_t depth) const { return frames_.at(depth); }
  /// It ran since: the runtime counts that.
  void ran(std::size_t n) { set_byte(n, layout.g.tracking_seq, ++sequence_); }
  void set_status(std::size_t n, std::uint32_t status) {
    memory.set_value(Addr{g(n) + layout.g.atomicstatus}, status);
  }
  void set_word(std::size_t n, std::uint32_t field, std::uint64_t value) {
    memory.set_value(Addr{g(n) + field}, value);
  }
  /// A sudog of goroutine `n` at `at`.
  void sudog(std::uint64_t at, std::size_t n, std::uint64_t channel,
             std::uint64_t elem, std::uint64_t link = 0);
  void channel(std::uint64_t at, std::uint64_t capacity,
               std::uint64_t buffered);

  GoCensus census() { return census_of(memory); }
  GoCensus census_of(const MemoryReader& reader) {
    return GoCensus({.memory = reader,
                     .layout = layout,
                     .symbols = *symbols,
                     .globals = globals,
                     .reasons = reasons,
                     .version = version,
                     .process_start_ns = 1});
  }

  GoVersion version;
  GoLayout layout;
  FakeMemory memory;
  GoGlobals globals;
  std::vector<WaitReason> reasons;
  FakeCode code;
  std::unique_ptr<TestElf> file;
  std::unique_ptr<Image> image;
  std::unique_ptr<Symbols> symbols;

 private:
  void set_byte(std::size_t n, std::uint32_t field, std::uint8_t value) {
    memory.set_value(Addr{g(n) + field}, value);
  }
  std::size_t count_ = 0;
  std::uint8_t sequence_ = 0;
  std::vector<std::uint64_t> frames_;
};

}  // namespace taskleak
