// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Merges sorted pieces into ranges, a window at a time. Where a merged range
// cannot be read (a hole between two pieces), its pieces are tried alone.
#include "probes/go/piece_reader.h"

#include <algorithm>

#include "base/clock.h"

namespace taskleak {

void PieceReader::sort(std::vector<Piece>& pieces) {
  const auto by_address = [](const Piece& a, const Piece& b) {
    return a.at < b.at;
  };
  if (!std::is_sorted(pieces.begin(), pieces.end(), by_address))
    std::sort(pieces.begin(), pieces.end(), by_address);
}

Result<std::size_t> PieceReader::fill(std::span<const Piece> pieces,
                                      std::size_t first) {
  if (deadline_ns_ != 0 && monotonic_now_ns() > deadline_ns_)
    return fail(Errc::kTimeout, "reading the target took too long");
  ranges_.clear();
  places_.clear();
  range_of_.clear();
  std::uint64_t used = 0;
  std::size_t i = first;
  for (; i < pieces.size() && used < kWindowBytes; ++i) {
    const Piece& piece = pieces[i];
    const std::uint64_t end = piece.at + piece.size;
    if (piece.size > kMaxPieceBytes || end < piece.at) {
      places_.push_back(kUnread);
      range_of_.push_back(kUnread);
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
            static_cast<std::uint32_t>(begin + piece.at - last.at.value));
        range_of_.push_back(static_cast<std::uint32_t>(ranges_.size() - 1));
        continue;
      }
    }
    places_.push_back(static_cast<std::uint32_t>(used));
    range_of_.push_back(static_cast<std::uint32_t>(ranges_.size()));
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
    if (places_[i] == kUnread || ok_[range_of_[i]]) continue;
    const Status status =
        memory_.read(Addr{window[i].at},
                     std::span(buffer_).subspan(places_[i], window[i].size));
    if (status) continue;
    if (status.error().code() != Errc::kFault)
      return std::unexpected(status.error());
    places_[i] = kUnread;
  }
  return {};
}

}  // namespace taskleak
