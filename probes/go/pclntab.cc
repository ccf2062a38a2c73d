// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Decodes Go's line table as runtime/symtab.go and runtime/symtabinl.go do.
#include "probes/go/pclntab.h"

#include <algorithm>

#include "target/memory.h"

namespace taskleak {
namespace {

// internal/abi/symtab.go: Go118PCLnTabMagic, Go120PCLnTabMagic; the latter up
// to Go 1.27.
constexpr std::uint32_t kMagic118 = 0xfffffff0, kMagic120 = 0xfffffff1;
constexpr int kFirstWithMagic120 = 20;
// pcHeader, runtime/symtab.go: magic, pad1, pad2, minLC, ptrSize, nfunc.
constexpr std::size_t kHeaderBytes = 72;
constexpr std::size_t kHeaderMinLc = 6, kHeaderPtrSize = 7, kHeaderNfunc = 8;
// internal/abi/symtab.go, 1.21 .. 1.27; runtime/symtab.go before.
constexpr std::uint32_t kPcDataInlTreeIndex = 2;
constexpr std::uint32_t kFuncDataInlTree = 3;
constexpr std::size_t kFtabEntryBytes = 8;  // functab: entryoff, funcoff
constexpr std::uint64_t kMaxTableBytes = std::uint64_t{1} << 31;
constexpr std::uint32_t kNoOffset = 0xffffffffU;

// FuncIDWrapper, internal/abi/symtab.go (before 1.21 funcID_wrapper of
// runtime/symtab.go): last of the list, which grew by one in 1.22 and in 1.25.
std::uint8_t wrapper_id(GoVersion version) {
  if (version.minor <= 21) return 21;
  if (version.minor <= 24) return 22;
  return 23;
}

/// One unsigned varint of pctab; false when it runs out of the table.
bool read_varint(std::span<const std::byte> table, std::size_t& at,
                 std::uint32_t& value) {
  value = 0;
  for (int shift = 0; shift < 35; shift += 7) {
    if (at >= table.size()) return false;
    const std::uint32_t byte = std::to_integer<std::uint32_t>(table[at++]);
    value |= (byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return true;
  }
  return false;
}

}  // namespace

Result<Pclntab> Pclntab::open(const Image& image, const GoLayout& layout,
                              GoVersion version, Addr moduledata) {
  Pclntab table;
  table.elf_ = &image.elf();
  table.func_ = layout.func;
  table.wrapper_id_ = wrapper_id(version);
  const bool new_form = version.minor >= kFirstWithMagic120;
  table.magic_ = new_form ? kMagic120 : kMagic118;
  // {funcID uint8, _ [3]byte, nameOff, parentPc, startLine int32}; before 1.20
  // {parent int16, funcID uint8, _ byte, file, line, func_, parentPc int32}.
  table.inlined_ =
      new_form
          ? InlinedLayout{.size = 16, .func_id = 0, .name = 4, .parent_pc = 8}
          : InlinedLayout{
                .size = 20, .func_id = 2, .name = 12, .parent_pc = 16};
  TRY(const std::vector<std::byte> bytes,
      image.data(moduledata, layout.moduledata.size));
  TRY(table.load(image, layout, bytes));
  return table;
}

Status Pclntab::load(const Image& image, const GoLayout& layout,
                     Bytes moduledata) {
  const ElfFile& elf = image.elf();
  const Record data(moduledata);
  const auto& at = layout.moduledata;
  const auto slice = [&](std::uint32_t offset,
                         std::uint64_t element) -> Result<Bytes> {
    const std::uint64_t length = data.u64(offset + 8);
    if (length > kMaxTableBytes / element)
      return fail(Errc::kCorrupt, "moduledata: a table is too long");
    return elf.at(data.addr(offset), length * element);
  };
  TRY(const Bytes header_bytes, elf.at(data.addr(at.pc_header), kHeaderBytes));
  const Record header(header_bytes);
  if (header.u32(0) != magic_)
    return fail(Errc::kUnsupported, "the line table is of an unknown kind");
  if (header.u8(kHeaderMinLc) != 1 || header.u8(kHeaderPtrSize) != 8)
    return fail(Errc::kCorrupt, "the line table is not one of x86-64");
  TRY(names_, slice(at.funcnametab, 1));
  TRY(cutab_, slice(at.cutab, 4));
  TRY(files_, slice(at.filetab, 1));
  TRY(pctab_, slice(at.pctab, 1));
  TRY(pclntable_, slice(at.pclntable, 1));
  TRY(ftab_, slice(at.ftab, kFtabEntryBytes));
  text_ = image.live(data.addr(at.text)).value;
  etext_ = image.live(data.addr(at.etext)).value;
  gofunc_ = data.u64(at.gofunc);
  // The last entry of ftab only ends the one before.
  if (ftab_.size() / kFtabEntryBytes != header.u64(kHeaderNfunc) + 1)
    return fail(Errc::kCorrupt, "the line table and moduledata disagree");
  if (text_ >= etext_) return fail(Errc::kCorrupt, "moduledata: no text");
  return {};
}

std::optional<GoFunction> Pclntab::find(std::uint64_t pc) const {
  if (pc < text_ || pc >= etext_) return std::nullopt;
  const Record table(ftab_);
  const std::uint64_t offset = pc - text_;
  std::size_t low = 0;
  std::size_t high = ftab_.size() / kFtabEntryBytes - 1;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (table.u32(middle * kFtabEntryBytes) <= offset)
      low = middle + 1;
    else
      high = middle;
  }
  if (low == 0) return std::nullopt;
  return function(low - 1);
}

std::size_t Pclntab::count() const {
  return ftab_.size() / kFtabEntryBytes - 1;
}

std::uint64_t Pclntab::end_of(std::size_t index) const {
  return text_ + Record(ftab_).u32((index + 1) * kFtabEntryBytes);
}

std::optional<GoFunction> Pclntab::function(std::size_t index) const {
  if (index >= count()) return std::nullopt;
  const Record table(ftab_);
  const std::size_t entry = index * kFtabEntryBytes;
  GoFunction function{.entry = text_ + table.u32(entry),
                      .record = table.u32(entry + 4)};
  const Record funcs(pclntable_);
  if (function.record + std::uint64_t{func_.size} > pclntable_.size() ||
      text_ + field(function, func_.entryoff) != function.entry)
    return std::nullopt;
  function.func_id = funcs.u8(function.record + func_.func_id);
  function.flags = funcs.u8(function.record + func_.flag);
  return function;
}

std::uint32_t Pclntab::field(const GoFunction& function,
                             std::uint32_t offset) const {
  return Record(pclntable_).u32(std::size_t{function.record} + offset);
}

std::optional<std::int32_t> Pclntab::pc_value(std::uint32_t table,
                                              const GoFunction& function,
                                              std::uint64_t pc) const {
  if (table == 0) return std::nullopt;
  std::size_t at = table;
  std::uint64_t end = function.entry;
  std::int32_t value = -1;
  for (int step = 0; step < kMaxPcSteps; ++step) {
    std::uint32_t delta = 0;
    std::uint32_t bytes = 0;
    if (!read_varint(pctab_, at, delta)) return std::nullopt;
    if (delta == 0 && step != 0) return std::nullopt;
    if (!read_varint(pctab_, at, bytes)) return std::nullopt;
    const std::uint32_t zigzag = (delta >> 1) ^ (0U - (delta & 1));
    value =
        static_cast<std::int32_t>(static_cast<std::uint32_t>(value) + zigzag);
    end += bytes;
    if (pc < end) return value;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> Pclntab::frame_bytes(const GoFunction& function,
                                                  std::uint64_t pc) const {
  const std::optional<std::int32_t> delta =
      pc_value(field(function, func_.pcsp), function, pc);
  if (!delta || *delta < 0 || *delta % 8 != 0) return std::nullopt;
  return static_cast<std::uint32_t>(*delta);
}

std::optional<std::uint32_t> Pclntab::pc_data(const GoFunction& function,
                                              std::uint32_t index) const {
  if (index >= field(function, func_.npcdata)) return std::nullopt;
  return field(function, func_.size + index * 4);
}

std::optional<Pclntab::InlinedCall> Pclntab::inlined_call(
    const GoFunction& function, std::uint64_t pc) const {
  const std::optional<std::uint32_t> indices =
      pc_data(function, kPcDataInlTreeIndex);
  if (!indices) return std::nullopt;
  const std::optional<std::int32_t> index = pc_value(*indices, function, pc);
  const std::uint8_t count =
      Record(pclntable_).u8(std::size_t{function.record} + func_.nfuncdata);
  if (!index || *index < 0 || count <= kFuncDataInlTree) return std::nullopt;
  const std::uint32_t npcdata = field(function, func_.npcdata);
  if (npcdata > pclntable_.size() / 4) return std::nullopt;
  const std::uint32_t tree =
      field(function, func_.size + (npcdata + kFuncDataInlTree) * 4);
  if (tree == kNoOffset || gofunc_ == 0) return std::nullopt;
  const Result<Bytes> bytes = elf_->at(
      Addr{gofunc_ + tree +
           std::uint64_t{inlined_.size} * static_cast<std::uint32_t>(*index)},
      inlined_.size);
  if (!bytes) return std::nullopt;
  const Record call(*bytes);
  return InlinedCall{.function = text_at(names_, call.u32(inlined_.name)),
                     .parent_pc = function.entry + call.u32(inlined_.parent_pc),
                     .wrapper = call.u8(inlined_.func_id) == wrapper_id_};
}

std::vector<GoPlace> Pclntab::places(const GoFunction& function,
                                     std::uint64_t pc) const {
  std::vector<GoPlace> result;
  for (int depth = 0; depth < kMaxInlineDepth; ++depth) {
    GoPlace place;
    place.file = file_at(function, pc);
    place.line = static_cast<std::uint32_t>(std::max(
        0, pc_value(field(function, func_.pcln), function, pc).value_or(0)));
    const std::optional<InlinedCall> call = inlined_call(function, pc);
    place.function = call ? call->function : name(function);
    place.wrapper = call ? call->wrapper : function.func_id == wrapper_id_;
    result.push_back(place);
    if (!call) break;
    pc = call->parent_pc;
  }
  return result;
}

std::string_view Pclntab::name(const GoFunction& function) const {
  return text_at(names_, field(function, func_.nameoff));
}

std::string_view Pclntab::file_at(const GoFunction& function,
                                  std::uint64_t pc) const {
  const std::optional<std::int32_t> file =
      pc_value(field(function, func_.pcfile), function, pc);
  if (!file || *file < 0) return {};
  const std::uint64_t unit = field(function, func_.cu_offset);
  const std::uint64_t entry = (unit + static_cast<std::uint32_t>(*file)) * 4;
  if (entry + 4 > cutab_.size()) return {};
  const std::uint32_t offset = Record(cutab_).u32(entry);
  return offset == kNoOffset ? std::string_view() : text_at(files_, offset);
}

std::string_view Pclntab::text_at(Bytes table, std::uint64_t offset) const {
  if (offset >= table.size()) return {};
  const auto* begin = reinterpret_cast<const char*>(table.data()) + offset;
  const std::size_t limit =
      std::min<std::size_t>(table.size() - offset, kMaxNameBytes);
  return {begin, strnlen(begin, limit)};
}

}  // namespace taskleak
