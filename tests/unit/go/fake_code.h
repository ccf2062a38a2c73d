// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// A Go executable's line table, written by a test: functions with a name, a
// frame size and a line, inlined calls too. It comes out as an ELF file whose
// moduledata stands where Go's own would.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "probes/go/pclntab.h"
#include "probes/go/symbols.h"
#include "tests/unit/elf_builder.h"

namespace taskleak {

class FakeCode {
 public:
  static constexpr std::uint64_t kText = 0x401000;
  static constexpr std::uint64_t kModuledata = 0x5f0000;
  static constexpr std::uint64_t kFunctionBytes = 0x100;
  static constexpr std::uint8_t kTopFrame = 1;
  static constexpr std::uint8_t kWritesSp = 2;

  explicit FakeCode(const GoLayout& layout) : layout_(layout) {
    pctab_.push_back('\0');
    pclntable_.assign(8, '\0');
    files_ =
        std::string("/go/src/runtime/proc.go") + '\0' + "/app/main.go" + '\0';
    put(cutab_, std::uint32_t{0});
    put(cutab_, std::uint32_t{24});
  }

  struct Function {
    std::string name;
    std::int32_t frame_bytes = 0;
    std::uint8_t flags = 0;
    /// A call of this function, inlined in the middle of it.
    std::string inlined = {};
  };
  /// Its entry; a call in it returns to entry + 0x10, or + 0x90 for the call
  /// that is inlined.
  std::uint64_t add(const Function& f);
  std::uint64_t at(const std::string& name) const;

  /// Finishes the file; the object must outlive the table.
  TestElf build() const;

 private:
  template <class T>
  static std::uint32_t put(std::string& bytes, const T& value) {
    const auto at = static_cast<std::uint32_t>(bytes.size());
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    return at;
  }
  static void varint(std::string& bytes, std::uint32_t value) {
    for (; value >= 0x80; value >>= 7)
      bytes.push_back(static_cast<char>(value | 0x80));
    bytes.push_back(static_cast<char>(value));
  }
  /// pc-value pairs: (value, bytes of code).
  std::uint32_t table(
      const std::vector<std::pair<std::int32_t, std::uint32_t>>& steps) {
    const auto at = static_cast<std::uint32_t>(pctab_.size());
    std::int32_t last = -1;
    for (const auto& [value, bytes] : steps) {
      const std::int32_t delta = value - last;
      varint(pctab_, static_cast<std::uint32_t>((delta << 1) ^ (delta >> 31)));
      varint(pctab_, bytes);
      last = value;
    }
    pctab_.push_back('\0');
    return at;
  }
  std::uint32_t name_at(const std::string& name) {
    const auto at = static_cast<std::uint32_t>(names_.size());
    names_ += name + '\0';
    return at;
  }

  /// Up to 1.19 tables have another form (and _func no startLine).
  bool old_form() const { return !GoLayout::has(layout_.func.start_line); }
  /// runtime.inlinedCall; the call stands in the function's first half.
  void add_inlined_call(const std::string& callee) {
    constexpr std::uint32_t kCallAt = 0x20;
    if (old_form()) {
      put(gofunc_, std::uint32_t{0xffff});  // parent -1, funcID 0
      put(gofunc_, std::uint32_t{1});       // file
      put(gofunc_, std::uint32_t{11});      // line
      put(gofunc_, name_at(callee));
      put(gofunc_, kCallAt);
    } else {
      put(gofunc_, std::uint32_t{0});  // funcID
      put(gofunc_, name_at(callee));
      put(gofunc_, kCallAt);
      put(gofunc_, std::uint32_t{1});  // startLine
    }
  }

  GoLayout layout_;
  std::vector<std::string> functions_;
  std::string names_{'\0'}, cutab_, files_, pctab_, pclntable_, ftab_, gofunc_;
};

inline std::uint64_t FakeCode::add(const Function& f) {
  const auto index = static_cast<std::uint32_t>(functions_.size());
  const std::uint32_t entry = index * kFunctionBytes;
  const auto half = static_cast<std::uint32_t>(kFunctionBytes / 2);
  const auto whole = static_cast<std::uint32_t>(kFunctionBytes);
  functions_.push_back(f.name);
  const auto record = static_cast<std::uint32_t>(pclntable_.size());
  put(ftab_, entry);
  put(ftab_, record);
  const auto& at = layout_.func;
  // Three words of pcdata, four of funcdata.
  std::string bytes(at.size + 7 * 4, '\0');
  const auto set = [&](std::uint32_t offset, std::uint32_t value) {
    std::memcpy(bytes.data() + offset, &value, 4);
  };
  const bool runtime = f.name.starts_with("runtime.");
  set(at.entryoff, entry);
  set(at.nameoff, name_at(f.name));
  set(at.pcsp, table({{0, 1}, {f.frame_bytes, whole - 1}}));
  set(at.pcfile, table({{runtime ? 0 : 1, whole}}));
  const auto line = static_cast<std::int32_t>(index * 10 + 1);
  set(at.pcln, table({{line, half}, {line + 5, whole - half}}));
  set(at.npcdata, 3);
  bytes[at.flag] = static_cast<char>(f.flags);
  bytes[at.nfuncdata] = 4;
  for (int i = 0; i < 4; ++i)
    set(at.size + 12 + 4 * static_cast<std::uint32_t>(i), 0xffffffffU);
  if (!f.inlined.empty()) {
    set(at.size + 8, table({{-1, half}, {0, whole - half}}));
    set(at.size + 12 + 12, static_cast<std::uint32_t>(gofunc_.size()));
    add_inlined_call(f.inlined);
  }
  pclntable_ += bytes;
  return kText + entry;
}

inline std::uint64_t FakeCode::at(const std::string& name) const {
  for (std::size_t i = 0; i < functions_.size(); ++i)
    if (functions_[i] == name) return kText + i * kFunctionBytes;
  return 0;
}

inline TestElf FakeCode::build() const {
  std::string ftab = ftab_;
  const std::uint64_t end = functions_.size() * kFunctionBytes;
  put(ftab, static_cast<std::uint32_t>(end));
  put(ftab, std::uint32_t{0});
  std::string header(72, '\0');
  const std::uint32_t magic = old_form() ? 0xfffffff0 : 0xfffffff1;
  std::memcpy(header.data(), &magic, 4);
  header[6] = 1;
  header[7] = 8;
  const std::uint64_t count = functions_.size();
  std::memcpy(header.data() + 8, &count, 8);

  const auto& at = layout_.moduledata;
  std::string module(at.size, '\0');
  const auto set = [&](std::uint32_t offset, std::uint64_t value) {
    std::memcpy(module.data() + offset, &value, 8);
  };
  ElfBuilder elf;
  std::uint64_t address = 0x500000;
  const auto slice = [&](std::uint32_t offset, const std::string& bytes,
                         std::uint64_t element) {
    elf.section(".table", bytes, Addr{address});
    set(offset, address);
    set(offset + 8, bytes.size() / element);
    address += 0x10000;
  };
  slice(at.funcnametab, names_, 1);
  slice(at.cutab, cutab_, 4);
  slice(at.filetab, files_, 1);
  slice(at.pctab, pctab_, 1);
  slice(at.pclntable, pclntable_, 1);
  slice(at.ftab, ftab, 8);
  elf.section(".header", header, Addr{0x5d0000});
  elf.section(".gofunc", gofunc_ + std::string(16, '\0'), Addr{0x5e0000});
  set(at.pc_header, 0x5d0000);
  set(at.gofunc, 0x5e0000);
  set(at.text, kText);
  set(at.etext, kText + end);
  elf.section(".module", module, Addr{kModuledata});
  return elf.build();
}

}  // namespace taskleak
