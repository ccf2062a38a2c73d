// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The marks by which a table of wait reasons tells its version; read from
// runtime/runtime2.go, waitReasonStrings, of 1.18.10 to 1.27.4.
#include "probes/go/self_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace taskleak {
namespace {

/// Versions whose table has this text at this place, newest first.
struct Mark {
  std::size_t place;
  std::string_view text;
  int first_minor;
  int last_minor;
};

constexpr int kNewestMinor = 27;
constexpr std::array<Mark, 7> kMarks = {{{19, "chan receive", 26, 27},
                                         {46, "cleanup wait", 25, 25},
                                         {43, "select (synctest)", 24, 24},
                                         {36, "coroutine", 22, 23},
                                         {31, "stopping the world", 20, 21},
                                         {26, "debug call", 18, 19},
                                         {0, "", 0, 0}}};

const Mark& mark_of(std::span<const WaitReason> reasons) {
  return *std::ranges::find_if(kMarks, [&](const Mark& mark) {
    return mark.text.empty() || (mark.place < reasons.size() &&
                                 reasons[mark.place].text == mark.text);
  });
}

}  // namespace

Status check_version(GoVersion version, std::span<const WaitReason> reasons) {
  if (version.minor > kNewestMinor) return {};
  const Mark& mark = mark_of(reasons);
  if (mark.first_minor <= version.minor && version.minor <= mark.last_minor)
    return {};
  return fail(
      Errc::kCorrupt,
      fmt::format("its version, Go {}, and its wait reasons disagree: those "
                  "are of {}",
                  version.text(),
                  mark.last_minor == 0
                      ? std::string("no version that is known")
                      : fmt::format("Go 1.{} to 1.{}", mark.first_minor,
                                    mark.last_minor)));
}

Status check_apart(std::span<const Piece> records) {
  for (std::size_t i = 1; i < records.size(); ++i)
    if (records[i].at - records[i - 1].at < records[i - 1].size)
      return fail(Errc::kCorrupt,
                  "the list of goroutines is none: two of them overlap",
                  records[i].at);
  return {};
}

Status check_created(const GoCounters& counters, std::uint64_t live) {
  if (counters.created <= kMaxCreated &&
      (!counters.steady || live <= counters.created))
    return {};
  return fail(Errc::kCorrupt,
              fmt::format("the layout does not fit: {} goroutines live and {} "
                          "were ever created",
                          live, counters.created));
}

}  // namespace taskleak
