// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The search. A candidate for the line table is any place with its header; a
// candidate for moduledata any word that points to one. Of all pairs exactly
// one may fit: as many functions in both, and a text inside of one executable
// segment. (A program that carries another Go program in its data has a second
// header, and no moduledata for it.)
#include "probes/go/module.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "target/memory.h"

namespace taskleak {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::array kSections = {".gopclntab", ".data.rel.ro.gopclntab"};
// pcHeader (runtime/symtab.go): magic, two bytes of 0, minLC, ptrSize, nfunc.
// Magic of Go 1.18 and 1.19, and of 1.20 and newer (internal/abi/symtab.go).
constexpr std::array<std::uint32_t, 2> kMagics = {0xfffffff0, 0xfffffff1};
constexpr std::size_t kHeaderBytes = 72, kNfuncAt = 8;
constexpr std::uint64_t kMaxFunctions = 1 << 24;
/// Headers that are looked at; a program may carry some others in its data.
constexpr std::size_t kMaxHeaders = 64;

template <class T>
T load(Bytes bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

struct Header {
  Addr at;
  std::uint64_t functions = 0;
};

/// The header at the start of `bytes`, if there is one.
std::optional<std::uint64_t> functions_of_header(Bytes bytes) {
  if (bytes.size() < kHeaderBytes) return std::nullopt;
  const Record raw(bytes);
  constexpr std::uint32_t kX86 = 0x08010000;  // pads, minLC 1, ptrSize 8
  const bool known = std::ranges::count(kMagics, raw.u32(0)) != 0;
  const std::uint64_t functions = raw.u64(kNfuncAt);
  if (!known || raw.u32(4) != kX86 || functions == 0 ||
      functions > kMaxFunctions)
    return std::nullopt;
  return functions;
}

std::vector<Header> named_headers(const ElfFile& elf, std::string& how) {
  for (const char* name : kSections) {
    const ElfSection* section = elf.section(name);
    if (section == nullptr) continue;
    const auto bytes = elf.bytes(*section);
    if (!bytes) continue;
    if (const auto functions = functions_of_header(*bytes)) {
      how = fmt::format("section {}", name);
      return {{section->address, *functions}};
    }
  }
  return {};
}

std::vector<Header> searched_headers(const ElfFile& elf) {
  constexpr std::size_t kAlign = 8;
  std::vector<Header> found;
  for (const ElfSegment& segment : elf.segments()) {
    const auto bytes = elf.at(segment.address, segment.file_size);
    if (!bytes || segment.address.value % kAlign != 0) continue;
    for (std::size_t at = 0; at + kHeaderBytes <= bytes->size(); at += kAlign) {
      if (load<std::uint32_t>(*bytes, at + 4) != 0x08010000) continue;
      const auto functions = functions_of_header(bytes->subspan(at));
      if (functions && found.size() < kMaxHeaders)
        found.push_back({segment.address + at, *functions});
    }
  }
  return found;
}

class Search {
 public:
  Search(const Image& image, const GoLayout& layout)
      : image_(image), at_(layout.moduledata) {}

  /// Is the thing at `module` moduledata of the table at `header`?
  bool fits(const Header& header, Addr module) const {
    const auto bytes = image_.data(module, at_.size);
    if (!bytes) return false;
    const Record raw(*bytes);
    const Addr text = raw.addr(at_.text);
    const Addr etext = raw.addr(at_.etext);
    const bool in_code = std::ranges::any_of(
        image_.elf().segments(), [&](const ElfSegment& segment) {
          return segment.executable && segment.holds(text) && text < etext &&
                 segment.holds(etext - 1);
        });
    return in_code && raw.addr(at_.pc_header) == header.at &&
           raw.u64(at_.ftab + 8) == header.functions + 1;
  }

  /// Where moduledata of this table can be.
  std::vector<Addr> modules(const Header& header) const {
    std::vector<Addr> found;
    const auto consider = [&](Addr word) {
      const Addr module = word - at_.pc_header;
      if (fits(header, module) && std::ranges::count(found, module) == 0)
        found.push_back(module);
    };
    for (const Relocations::Pointer& pointer : image_.relocations().pointers())
      if (pointer.value == header.at.value) consider(pointer.at);
    for (const ElfSegment& segment : image_.elf().segments()) {
      const auto bytes = image_.elf().at(segment.address, segment.file_size);
      if (!segment.writable || !bytes) continue;
      std::size_t at = (8 - segment.address.value % 8) % 8;
      for (; at + 8 <= bytes->size(); at += 8)
        if (load<std::uint64_t>(*bytes, at) == header.at.value)
          consider(segment.address + at);
    }
    return found;
  }

 private:
  const Image& image_;
  const decltype(GoLayout::moduledata)& at_;
};

Result<GoModule> by_symbol(const Search& search, const ElfSymbol& symbol,
                           const std::vector<Header>& headers,
                           std::string how) {
  for (const Header& header : headers)
    if (search.fits(header, symbol.address))
      return GoModule{.pclntab = header.at,
                      .moduledata = symbol.address,
                      .pclntab_how = std::move(how),
                      .moduledata_how = "symbol " + symbol.name};
  return fail(Errc::kCorrupt, "its symbol runtime.firstmoduledata names none");
}

}  // namespace

Result<GoModule> find_module(const Image& image, const GoLayout& layout) {
  std::string how;
  std::vector<Header> headers = named_headers(image.elf(), how);
  if (headers.empty()) {
    headers = searched_headers(image.elf());
    how = "its magic number";
  }
  if (headers.empty())
    return fail(Errc::kUnsupported, "Go's line table was not found in it");
  const Search search(image, layout);
  if (const auto symbol = image.elf().symbol("runtime.firstmoduledata"))
    return by_symbol(search, *symbol, headers, std::move(how));
  std::vector<GoModule> found;
  for (const Header& header : headers)
    for (const Addr module : search.modules(header))
      found.push_back({.pclntab = header.at,
                       .moduledata = module,
                       .pclntab_how = how,
                       .moduledata_how = "points to the line table"});
  if (found.empty())
    return fail(Errc::kUnsupported,
                "Go's runtime.firstmoduledata was not found in it");
  if (found.size() > 1)
    return fail(Errc::kUnsupported, fmt::format("{} places in it may be Go's "
                                                "runtime.firstmoduledata",
                                                found.size()));
  return std::move(found.front());
}

std::vector<std::uint32_t> module_pointers(const GoLayout& layout) {
  const auto& at = layout.moduledata;
  return {at.pc_header, at.text,        at.etext, at.ftab,    at.pclntable,
          at.gofunc,    at.funcnametab, at.cutab, at.filetab, at.pctab};
}

}  // namespace taskleak
