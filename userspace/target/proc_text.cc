// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Parses /proc/PID/stat and /proc/PID/maps. Files of /proc are read in pieces:
// their size is not known before, and a process may have 100,000 mappings.
#include "target/proc_text.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <optional>

#include "base/fd.h"

namespace taskleak {
namespace {

constexpr std::size_t kReadBytes = 64 << 10;
/// A line of maps: addresses and a path of at most PATH_MAX, each byte of
/// which may be escaped as four.
constexpr std::size_t kMaxLineBytes = 5 * 4096;

/// Takes words and numbers off the front of a text.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  std::string_view word() {
    skip_spaces();
    const std::size_t end = rest_.find(' ');
    const std::string_view taken = rest_.substr(0, end);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::optional<std::uint64_t> number(int base) {
    skip_spaces();
    std::uint64_t value = 0;
    const char* begin = rest_.data();
    const auto [end, error] =
        std::from_chars(begin, begin + rest_.size(), value, base);
    if (error != std::errc{}) return std::nullopt;
    rest_.remove_prefix(static_cast<std::size_t>(end - begin));
    return value;
  }
  bool literal(char expected) {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string_view rest() {
    skip_spaces();
    return rest_;
  }

 private:
  void skip_spaces() {
    const std::size_t first = rest_.find_first_not_of(' ');
    rest_.remove_prefix(first == rest_.npos ? rest_.size() : first);
  }
  std::string_view rest_;
};

/// Calls `use` with each line of a file until it returns a failure.
template <class Use>
Status each_line(const std::string& path, Use use) {
  const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return fail_os("opening " + path, errno);
  std::string pending;
  std::array<char, kReadBytes> piece;
  while (true) {
    const ssize_t got = read(file.get(), piece.data(), piece.size());
    if (got < 0) return fail_os("reading " + path, errno);
    if (got == 0) break;
    pending.append(piece.data(), static_cast<std::size_t>(got));
    std::size_t begin = 0;
    for (std::size_t end; (end = pending.find('\n', begin)) != pending.npos;
         begin = end + 1)
      TRY(use(std::string_view(pending).substr(begin, end - begin)));
    pending.erase(0, begin);
    if (pending.size() > kMaxLineBytes)
      return fail(Errc::kCorrupt, "a line without end in " + path);
  }
  return {};
}

std::unexpected<Error> corrupt(const char* what, std::string_view line) {
  return fail(Errc::kCorrupt, fmt::format("{} reads \"{}\"", what, line));
}

}  // namespace

Result<ProcStat> parse_proc_stat(std::string_view line) {
  // The command, in brackets, may itself hold brackets and spaces.
  const std::size_t command_end = line.rfind(')');
  if (command_end == line.npos) return corrupt("stat", line);
  Scanner fields(line.substr(command_end + 1));
  const std::string_view state = fields.word();
  if (state.size() != 1) return corrupt("stat", line);
  ProcStat stat;
  stat.state = state[0];
  constexpr int kFlags = 9, kStart = 22, kCode = 26;
  for (int field = 4; field <= kCode; field++) {
    Scanner word(fields.word());
    const auto number = word.number(10);
    if (field == kFlags && number) stat.flags = *number;
    if (field == kStart && number) stat.start_ticks = *number;
    if (field == kCode && number) stat.code_begin = Addr{*number};
    if (!number && (field == kFlags || field == kStart || field == kCode))
      return corrupt("stat", line);
  }
  return stat;
}

Result<ProcStat> read_proc_stat(const ProcFs& procfs, pid_t pid) {
  // A newline in the command would split the text: read it as a whole.
  std::string text;
  TRY(each_line(procfs.path(pid, "stat"), [&](std::string_view line) -> Status {
    text += line;
    text += '\n';
    return {};
  }));
  return parse_proc_stat(text);
}

Result<Mapping> parse_mapping(std::string_view line) {
  Scanner fields(line);
  Mapping mapping;
  const auto begin = fields.number(16);
  const bool dash = fields.literal('-');
  const auto end = fields.number(16);
  const std::string_view rights = fields.word();
  const auto offset = fields.number(16);
  const auto major = fields.number(16);
  const bool colon = fields.literal(':');
  const auto minor = fields.number(16);
  const auto inode = fields.number(10);
  if (!begin || !dash || !end || rights.size() != 4 || !offset || !major ||
      !colon || !minor || !inode || *begin >= *end)
    return corrupt("a mapping", line);
  mapping.begin = Addr{*begin};
  mapping.end = Addr{*end};
  mapping.offset = *offset;
  mapping.inode = *inode;
  mapping.device_major = static_cast<std::uint32_t>(*major);
  mapping.device_minor = static_cast<std::uint32_t>(*minor);
  mapping.readable = rights[0] == 'r';
  mapping.writable = rights[1] == 'w';
  mapping.executable = rights[2] == 'x';
  mapping.path = fields.rest();
  return mapping;
}

Result<std::vector<Mapping>> read_mappings(const ProcFs& procfs, pid_t pid,
                                           std::size_t limit) {
  std::vector<Mapping> mappings;
  TRY(each_line(procfs.path(pid, "maps"), [&](std::string_view line) -> Status {
    if (mappings.size() == limit)
      return fail(Errc::kLimit, fmt::format("more than {} mappings", limit));
    TRY(mappings.emplace_back(), parse_mapping(line));
    return {};
  }));
  return mappings;
}

}  // namespace taskleak
