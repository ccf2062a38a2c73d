// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The floor under a census: how long the system calls alone take that copy
// what a first look at every goroutine has to see. It reads runtime.allgs, the
// g structs, what each waits on (sudogs) and the used part of each stack, with
// gaps of up to 8 KiB read along; it decodes nothing but the addresses of the
// next read. In: a pid, a number of rounds. Out: one line of JSON.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "target/elf_file.h"

namespace taskleak {
namespace {

constexpr std::uint64_t kGapBytes = 8 << 10;
constexpr std::uint64_t kRangeBytes = 256 << 10;
constexpr std::uint64_t kWindowBytes = 1 << 20;
constexpr std::uint64_t kStackBytes = 4 << 10;
constexpr std::size_t kRangesACall = 1024;
constexpr int kDefaultRounds = 7;

struct Piece {
  std::uint64_t at;
  std::uint64_t size;
};

/// Where the few words lie that lead to the next read.
struct Offsets {
  std::uint64_t allgs, g_size, stack, sched_sp, waiting, sudog_size;
};

struct Tally {
  std::uint64_t goroutines = 0, g_bytes = 0, bytes = 0, calls = 0;
};

class Floor {
 public:
  Floor(pid_t pid, const Offsets& at) : pid_(pid), at_(at) {
    buffer_.resize(kWindowBytes + kRangeBytes + kGapBytes);
  }

  /// One look at everything.
  Tally look() {
    tally_ = {};
    std::uint64_t slice[2]{};
    copy({at_.allgs, sizeof slice}, slice);
    std::vector<std::uint64_t> gs(slice[1]);
    copy({slice[0], gs.size() * sizeof(std::uint64_t)}, gs.data());
    std::ranges::sort(gs);
    std::vector<Piece> pieces;
    for (const auto g : gs) pieces.push_back({g, at_.g_size});
    std::vector<Piece> next;
    read(pieces, [&](const char* g) { follow(g, next); });
    std::ranges::sort(next, {}, &Piece::at);
    read(next, [](const char*) {});
    tally_.goroutines = gs.size();
    tally_.g_bytes = gs.size() * at_.g_size;
    return tally_;
  }

 private:
  void follow(const char* g, std::vector<Piece>& next) const {
    const std::uint64_t high = word(g + at_.stack + 8);
    const std::uint64_t sp = word(g + at_.sched_sp);
    const std::uint64_t waiting = word(g + at_.waiting);
    if (sp != 0 && sp < high)
      next.push_back({sp, std::min(high - sp, kStackBytes)});
    if (waiting != 0) next.push_back({waiting, at_.sudog_size});
  }

  static std::uint64_t word(const char* at) {
    std::uint64_t value = 0;
    std::memcpy(&value, at, sizeof value);
    return value;
  }

  void copy(Piece piece, void* out) {
    const iovec local{out, piece.size};
    const iovec remote{reinterpret_cast<void*>(piece.at), piece.size};
    if (process_vm_readv(pid_, &local, 1, &remote, 1, 0) !=
        static_cast<ssize_t>(piece.size)) {
      std::perror("census_floor: process_vm_readv");
      std::exit(1);
    }
    ++tally_.calls;
    tally_.bytes += piece.size;
  }

  /// Reads sorted pieces a window at a time and shows each one's bytes.
  template <class Visit>
  void read(const std::vector<Piece>& pieces, Visit visit) {
    for (std::size_t first = 0; first < pieces.size();) {
      const std::size_t end = merge(pieces, first);
      fetch();
      std::size_t range = 0;
      std::uint64_t before = 0;
      for (; first < end; ++first) {
        while (pieces[first].at >= ranges_[range].at + ranges_[range].size)
          before += ranges_[range++].size;
        visit(buffer_.data() + before + (pieces[first].at - ranges_[range].at));
      }
    }
  }

  std::size_t merge(const std::vector<Piece>& pieces, std::size_t i) {
    ranges_.clear();
    std::uint64_t total = 0;
    for (; i < pieces.size() && total < kWindowBytes; ++i) {
      const std::uint64_t end = pieces[i].at + pieces[i].size;
      if (!ranges_.empty()) {
        Piece& last = ranges_.back();
        const std::uint64_t last_end = last.at + last.size;
        if (pieces[i].at <= last_end + kGapBytes &&
            end - last.at <= kRangeBytes) {
          total += std::max(end, last_end) - last_end;
          last.size = std::max(end, last_end) - last.at;
          continue;
        }
      }
      if (ranges_.size() == kRangesACall) break;
      ranges_.push_back(pieces[i]);
      total += pieces[i].size;
    }
    return i;
  }

  void fetch() {
    std::array<iovec, kRangesACall> remote;
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < ranges_.size(); ++i) {
      remote[i] = {reinterpret_cast<void*>(ranges_[i].at), ranges_[i].size};
      total += ranges_[i].size;
    }
    const iovec local{buffer_.data(), total};
    process_vm_readv(pid_, &local, 1, remote.data(), ranges_.size(), 0);
    ++tally_.calls;
    tally_.bytes += total;
  }

  pid_t pid_;
  Offsets at_;
  Tally tally_;
  std::vector<char> buffer_;
  std::vector<Piece> ranges_;
};

Result<Offsets> find_offsets(const std::string& pid) {
  const Fd exe(::open(("/proc/" + pid + "/exe").c_str(), O_RDONLY | O_CLOEXEC));
  TRY(const ElfFile elf, ElfFile::open(exe.get()));
  const auto allgs = elf.symbol("runtime.allgs");
  if (!allgs || elf.position_independent())
    return fail(Errc::kNotFound, "no symbol runtime.allgs at a fixed address");
  constexpr std::array<std::string_view, 3> kStructs = {
      "runtime.g", "runtime.gobuf", "runtime.sudog"};
  TRY(const StructLayouts at, dwarf_layouts(exe.get(), kStructs));
  return Offsets{
      .allgs = allgs->address.value,
      .g_size = at.at("runtime.g._size"),
      .stack = at.at("runtime.g.stack"),
      .sched_sp = at.at("runtime.g.sched") + at.at("runtime.gobuf.sp"),
      .waiting = at.at("runtime.g.waiting"),
      .sudog_size = at.at("runtime.sudog._size")};
}

double timed_look(Floor& floor, Tally& tally) {
  const auto begin = std::chrono::steady_clock::now();
  tally = floor.look();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
      .count();
}

}  // namespace
}  // namespace taskleak

int main(int argc, char** argv) {
  using namespace taskleak;
  if (argc < 2) {
    std::fputs("usage: census_floor PID [ROUNDS]\n", stderr);
    return 2;
  }
  const auto offsets = find_offsets(argv[1]);
  if (!offsets) {
    fmt::print(stderr, "census_floor: {}\n", offsets.error().message());
    return 1;
  }
  const int rounds = argc > 2 ? std::atoi(argv[2]) : kDefaultRounds;
  Tally tally;
  std::vector<double> seconds;
  for (int i = 0; i < rounds; ++i) {
    // Each look is a first one: nothing is kept.
    Floor floor(std::atoi(argv[1]), *offsets);
    seconds.push_back(timed_look(floor, tally));
  }
  fmt::print(
      "{{\"goroutines\":{},\"g_bytes\":{},\"bytes\":{},\"calls\":{},"
      "\"seconds\":[{:.6f}]}}\n",
      tally.goroutines, tally.g_bytes, tally.bytes, tally.calls,
      fmt::join(seconds, ","));
  return 0;
}
