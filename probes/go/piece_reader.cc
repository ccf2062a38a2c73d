// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Merges sorted pieces into ranges, a window at a time. Where a merged range
// cannot be read (a hole between two pieces), its pieces are tried alone.
#include "probes/go/piece_reader.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/clock.h"

namespace taskleak {

namespace {

/// Fewer than these are sorted by comparing.
constexpr std::size_t kFewPieces = 128;
/// Bits of an address that one turn of sort() looks at.
constexpr int kDigitBits = 11;
constexpr std::size_t kDigits = std::size_t{1} << kDigitBits;

bool by_address(const Piece& a, const Piece& b) { return a.at < b.at; }

/// Moves `from` to `to`, by the digit at `shift` of the distance from `base`;
/// those of one digit stay in their order.
void spread(std::span<const Piece> from, std::span<Piece> to,
            std::uint64_t base, int shift) {
  const auto digit = [&](const Piece& piece) {
    return ((piece.at - base) >> shift) % kDigits;
  };
  std::array<std::uint32_t, kDigits> next{};
  for (const Piece& piece : from) ++next[digit(piece)];
  std::uint32_t begin = 0;
  for (std::uint32_t& count : next) begin += std::exchange(count, begin);
  for (const Piece& piece : from) to[next[digit(piece)]++] = piece;
}

}  // namespace

void PieceReader::sort(std::vector<Piece>& pieces) {
  if (std::ranges::is_sorted(pieces, by_address)) return;
  if (pieces.size() < kFewPieces) {
    std::ranges::sort(pieces, by_address);
    return;
  }
  // Digit by digit: thousands of addresses are sorted several times for each
  // task, and comparing them mispredicts every other branch.
  const auto [least, most] = std::ranges::minmax(pieces, {}, &Piece::at);
  other_.resize(pieces.size());
  for (int shift = 0; shift < 64 && (most.at - least.at) >> shift != 0;
       shift += kDigitBits) {
    spread(pieces, other_, least.at, shift);
    pieces.swap(other_);
  }
}

Result<std::size_t> PieceReader::fill(std::span<const Piece> pieces,
                                      std::size_t first) {
  if (deadline_ns_ != 0 && monotonic_now_ns() > deadline_ns_)
    return fail(Errc::kTimeout, "reading the target took too long");
  ranges_.clear();
  places_.clear();
  std::uint64_t used = 0;
  std::size_t i = first;
  for (; i < pieces.size() && used < kWindowBytes; ++i) {
    const Piece& piece = pieces[i];
    const std::uint64_t end = piece.at + piece.size;
    if (piece.size > kMaxPieceBytes || end < piece.at) {
      places_.push_back({});
      continue;
    }
    if (!ranges_.empty()) {
      MemoryRange& last = ranges_.back();
      const std::uint64_t last_end = last.at.value + last.size;
      if (piece.at <= last_end + kMaxGapBytes &&
          std::max(end, last_end) - last.at.value <= kMaxRangeBytes) {
        const std::uint64_t begin = used - last.size;
        if (end > last_end) {
          used += end - last_end;
          last.size = static_cast<std::uint32_t>(end - last.at.value);
        }
        places_.push_back(
            {static_cast<std::uint32_t>(begin + piece.at - last.at.value),
             static_cast<std::uint32_t>(ranges_.size() - 1)});
        continue;
      }
    }
    places_.push_back({static_cast<std::uint32_t>(used),
                       static_cast<std::uint32_t>(ranges_.size())});
    ranges_.push_back({Addr{piece.at}, piece.size});
    used += piece.size;
  }
  if (buffer_.size() < used) buffer_.resize(used);
  TRY(memory_.read_many(ranges_, buffer_, ok_));
  TRY(read_alone(pieces.subspan(first, i - first)));
  return i;
}

Status PieceReader::read_alone(std::span<const Piece> window) {
  for (std::size_t i = 0; i < window.size(); ++i) {
    if (places_[i].at == kUnread || ok_[places_[i].range]) continue;
    const Status status =
        memory_.read(Addr{window[i].at},
                     std::span(buffer_).subspan(places_[i].at, window[i].size));
    if (status) continue;
    if (status.error().code() != Errc::kFault)
      return std::unexpected(status.error());
    places_[i] = {};
  }
  return {};
}

}  // namespace taskleak
