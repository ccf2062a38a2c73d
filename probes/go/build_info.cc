// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Both forms of Go's build information: since 1.18 two strings with varint
// lengths stand inline behind a 32-byte header; before, two pointers to string
// headers in the data segment.
#include "probes/go/build_info.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "target/memory.h"

namespace taskleak {
namespace {

using Bytes = std::span<const std::byte>;
using namespace std::string_view_literals;

constexpr std::string_view kMagic = "\xff Go buildinf:"sv;
constexpr std::size_t kHeaderBytes = 32;
constexpr std::size_t kAlign = 16;
constexpr std::size_t kPointerSizeAt = 14, kFlagsAt = 15, kPointersAt = 16;
constexpr std::uint8_t kBigEndianFlag = 1, kInlineFlag = 2;
/// A version, and the list of a program's modules, are shorter than this.
constexpr std::uint64_t kMaxVersionBytes = 256;
constexpr std::uint64_t kMaxModulesBytes = 16 << 20;
/// The module list stands between two markers of 16 random bytes.
constexpr std::size_t kMarkerBytes = 16;

std::unexpected<Error> corrupt(const char* what) {
  return fail(Errc::kCorrupt, fmt::format("Go's build information: {}", what));
}

std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Takes one string with a varint length off the front of `rest`.
Result<std::string_view> take_string(Bytes& rest, std::uint64_t limit) {
  constexpr int kMaxVarintBytes = 10;
  std::uint64_t length = 0;
  for (int i = 0;; i++) {
    if (i == kMaxVarintBytes || static_cast<std::size_t>(i) >= rest.size())
      return corrupt("a length has no end");
    const auto byte = static_cast<std::uint64_t>(rest[i]);
    length |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      rest = rest.subspan(i + 1);
      break;
    }
  }
  if (length > limit || length > rest.size())
    return corrupt("a string lies outside its section");
  const std::string_view text = as_text(rest.first(length));
  rest = rest.subspan(length);
  return text;
}

/// The string whose header (pointer, length) lies at `header`.
Result<std::string_view> string_at(const ElfFile& elf, Addr header,
                                   std::uint64_t limit) {
  TRY(const Bytes words, elf.at(header, 16));
  const Record record(words);
  if (record.u64(8) > limit) return corrupt("a string is too long");
  TRY(const Bytes text, elf.at(record.addr(0), record.u64(8)));
  return as_text(text);
}

/// The module list without its markers; empty when it has none.
std::string_view unmark(std::string_view modules) {
  const bool marked = modules.size() > 2 * kMarkerBytes &&
                      modules[modules.size() - kMarkerBytes - 1] == '\n';
  if (!marked) return {};
  modules.remove_prefix(kMarkerBytes);
  modules.remove_suffix(kMarkerBytes);
  return modules;
}

/// The first word behind "key\t" at the start of a line.
std::string line_of(std::string_view modules, std::string_view key) {
  while (!modules.empty()) {
    const std::string_view line = modules.substr(0, modules.find('\n'));
    modules.remove_prefix(std::min(line.size() + 1, modules.size()));
    if (!line.starts_with(key) || line.size() == key.size() ||
        line[key.size()] != '\t')
      continue;
    const std::string_view rest = line.substr(key.size() + 1);
    return std::string(rest.substr(0, rest.find('\t')));
  }
  return {};
}

/// From the header on, which begins on a 16-byte boundary; empty without one.
Bytes search_header(Bytes bytes) {
  for (std::size_t at = 0; bytes.size() >= at + kHeaderBytes; at += kAlign)
    if (as_text(bytes.subspan(at)).starts_with(kMagic))
      return bytes.subspan(at);
  return {};
}

/// UPX leaves its mark behind the program headers.
bool packed_by_upx(const ElfFile& elf) {
  constexpr std::uint64_t kLookedAt = 1024;
  if (elf.segments().empty()) return false;
  const ElfSegment& first = elf.segments().front();
  const auto bytes =
      elf.at(first.address, std::min(first.file_size, kLookedAt));
  return bytes && as_text(*bytes).find("UPX!") != std::string_view::npos;
}

/// In a file without section headers: Go's linkers put it into data that is
/// written. The magic number in other data is that of a program which reads
/// build information.
Result<Bytes> search_segments(const ElfFile& elf) {
  for (const ElfSegment& segment : elf.segments()) {
    const auto bytes = elf.at(segment.address, segment.file_size);
    if (!segment.writable || !bytes) continue;
    const std::uint64_t skipped = (kAlign - segment.address.value) % kAlign;
    if (skipped > bytes->size()) continue;
    const Bytes found = search_header(bytes->subspan(skipped));
    if (!found.empty()) return found;
  }
  if (packed_by_upx(elf))
    return fail(Errc::kUnsupported,
                "its executable is packed by UPX: unpack it with `upx -d` and "
                "start that");
  return fail(Errc::kNotFound, "not a Go program");
}

Result<Bytes> find_header(const ElfFile& elf) {
  if (elf.sections().empty()) return search_segments(elf);
  const ElfSection* section = elf.section(".go.buildinfo");
  if (section == nullptr) return fail(Errc::kNotFound, "not a Go program");
  TRY(const Bytes bytes, elf.bytes(*section));
  const Bytes found = search_header(bytes);
  if (found.empty()) return corrupt("its header is not there");
  return found;
}

}  // namespace

Result<GoBuildInfo> read_build_info(const ElfFile& elf) {
  TRY(const Bytes bytes, find_header(elf));
  const Record header(bytes);
  std::string_view version, modules;
  if ((header.u8(kFlagsAt) & kInlineFlag) != 0) {
    Bytes rest = bytes.subspan(kHeaderBytes);
    TRY(version, take_string(rest, kMaxVersionBytes));
    TRY(modules, take_string(rest, kMaxModulesBytes));
  } else {
    if (header.u8(kPointerSizeAt) != 8 ||
        (header.u8(kFlagsAt) & kBigEndianFlag) != 0)
      return corrupt("its pointers are not those of this machine");
    TRY(version, string_at(elf, header.addr(kPointersAt), kMaxVersionBytes));
    TRY(modules,
        string_at(elf, header.addr(kPointersAt + 8), kMaxModulesBytes));
  }
  if (version.empty()) return corrupt("it names no version");
  modules = unmark(modules);
  return GoBuildInfo{.version = std::string(version),
                     .path = line_of(modules, "path"),
                     .main_module = line_of(modules, "mod")};
}

}  // namespace taskleak
