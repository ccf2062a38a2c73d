// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Reading this very process: pages that the test maps, with holes in them, so
// that every way in which a batch can break is there.
#include "target/memory.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tests/unit/fake_memory.h"

using namespace taskleak;

namespace {

constexpr std::size_t kPage = 4096;

/// Three pages of which the middle one cannot be read.
class HoledPages {
 public:
  HoledPages() {
    begin_ =
        static_cast<std::byte*>(mmap(nullptr, 3 * kPage, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    for (std::size_t i = 0; i < 3 * kPage; i++)
      begin_[i] = static_cast<std::byte>(i * 7 + i / kPage);
    mprotect(begin_ + kPage, kPage, PROT_NONE);
  }
  ~HoledPages() { munmap(begin_, 3 * kPage); }
  HoledPages(const HoledPages&) = delete;
  HoledPages& operator=(const HoledPages&) = delete;

  Addr at(std::size_t offset) const {
    return Addr{reinterpret_cast<std::uint64_t>(begin_) + offset};
  }
  bool equal(std::span<const std::byte> bytes, std::size_t offset) const {
    return std::memcmp(bytes.data(), begin_ + offset, bytes.size()) == 0;
  }

 private:
  std::byte* begin_;
};

bool all_zero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(),
                     [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

TEST_CASE("a mapped range is read whole") {
  const HoledPages pages;
  std::vector<std::byte> out(100);
  REQUIRE(ProcessMemory(getpid()).read(pages.at(50), out));
  CHECK(pages.equal(out, 50));
  CHECK(ProcessMemory(getpid()).read(pages.at(kPage), {}));
}

TEST_CASE("a range that runs into a hole is a fault") {
  const HoledPages pages;
  const ProcessMemory memory(getpid());
  std::vector<std::byte> out(100);
  const Status across = memory.read(pages.at(kPage - 10), out);
  REQUIRE_FALSE(across);
  CHECK(across.error().code() == Errc::kFault);
  CHECK(memory.read(Addr{0}, out).error().code() == Errc::kFault);
  CHECK(memory.read(Addr{~0ULL - 7}, out).error().code() == Errc::kFault);
}

TEST_CASE("in a batch, a bad range costs only itself") {
  const HoledPages pages;
  const std::vector<MemoryRange> ranges = {
      {pages.at(8), 16},       {pages.at(kPage - 4), 8}, {pages.at(0), 0},
      {pages.at(kPage), 32},   {Addr{~0ULL}, 8},         {pages.at(64), 4},
      {pages.at(2 * kPage), 8}};
  std::vector<std::byte> out(16 + 8 + 32 + 8 + 4 + 8, std::byte{0xee});
  std::vector<bool> ok;
  REQUIRE(ProcessMemory(getpid()).read_many(ranges, out, ok));
  CHECK(ok == std::vector<bool>{true, false, true, false, false, true, true});
  const std::span all(out);
  CHECK(pages.equal(all.subspan(0, 16), 8));
  CHECK(all_zero(all.subspan(16, 48)));
  CHECK(pages.equal(all.subspan(64, 4), 64));
  CHECK(pages.equal(all.subspan(68, 8), 2 * kPage));
}

TEST_CASE("more ranges than a system call takes are read in turn") {
  const HoledPages pages;
  std::vector<MemoryRange> ranges;
  for (std::size_t i = 0; i < 3000; i++)
    ranges.push_back({i % 500 == 499 ? pages.at(kPage) : pages.at(i), 8});
  std::vector<std::byte> out(3000 * 8);
  std::vector<bool> ok;
  REQUIRE(ProcessMemory(getpid()).read_many(ranges, out, ok));
  REQUIRE(ok.size() == 3000);
  for (std::size_t i = 0; i < 3000; i++) {
    const auto part = std::span(out).subspan(i * 8, 8);
    CHECK(ok[i] == (i % 500 != 499));
    CHECK((ok[i] ? pages.equal(part, i) : all_zero(part)));
  }
}

TEST_CASE("a process that has ended is gone") {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);
  std::uint64_t word = 0;
  const auto out = std::as_writable_bytes(std::span(&word, 1));
  const Status status = ProcessMemory(child).read(Addr{4096}, out);
  REQUIRE_FALSE(status);
  CHECK(status.error().code() == Errc::kGone);
}

TEST_CASE("the fake behaves as the real one does") {
  FakeMemory fake;
  fake.set_text(Addr{100}, "abcdef");
  fake.unmap(Addr{103}, 1);
  std::vector<std::byte> out(6, std::byte{0xee});
  std::vector<bool> ok;
  CHECK(fake.read(Addr{100}, out).error().code() == Errc::kFault);
  const std::vector<MemoryRange> ranges = {{Addr{100}, 3}, {Addr{102}, 3}};
  REQUIRE(fake.read_many(ranges, out, ok));
  CHECK(ok == std::vector<bool>{true, false});
  CHECK(std::memcmp(out.data(), "abc\0\0\0", 6) == 0);
  fake.set_value(Addr{200}, std::uint32_t{7});
  CHECK(fake.value<std::uint32_t>(Addr{200}).value() == 7);
}

TEST_CASE("a record yields 0 outside of its bytes") {
  const std::uint64_t words[2] = {0x1122334455667788, 9};
  const Record record(std::as_bytes(std::span(words)));
  CHECK(record.u64(8) == 9);
  CHECK(record.u8(1) == 0x77);
  CHECK(record.u64(9) == 0);
  CHECK(record.u8(16) == 0);
  CHECK(record.u32(~std::size_t{0}) == 0);
}
