// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Small ELF files for tests: sections that the test names, each also loaded by
// a segment of its own when it has an address, and symbols. The file lies in
// memory (memfd), so that it opens as a real one does.
#pragma once

#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "target/elf_file.h"

namespace taskleak {

/// The bytes of a file, and the file.
class TestElf {
 public:
  explicit TestElf(std::string bytes) : bytes_(std::move(bytes)) {
    fd_ = Fd(memfd_create("elf", MFD_CLOEXEC));
    for (std::size_t done = 0; done < bytes_.size();) {
      const ssize_t put =
          write(fd_.get(), bytes_.data() + done, bytes_.size() - done);
      if (put <= 0) break;
      done += static_cast<std::size_t>(put);
    }
  }
  Result<ElfFile> open() const { return ElfFile::open(fd_.get()); }
  int fd() const { return fd_.get(); }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
  Fd fd_;
};

class ElfBuilder {
 public:
  /// An address of 0: not loaded. SHT_DYNAMIC is the dynamic section too.
  ElfBuilder& section(std::string name, std::string bytes, Addr address = {},
                      std::uint32_t type = SHT_PROGBITS,
                      std::uint32_t flags = PF_R) {
    sections_.push_back(
        {std::move(name), std::move(bytes), address, type, flags});
    return *this;
  }
  ElfBuilder& symbol(const std::string& name, Addr address,
                     std::uint64_t size = 0) {
    Elf64_Sym symbol{};
    symbol.st_name = static_cast<std::uint32_t>(strings_.size());
    symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
    symbol.st_shndx = 1;
    symbol.st_value = address.value;
    symbol.st_size = size;
    strings_ += name + '\0';
    symbols_ += bytes_of(symbol);
    return *this;
  }
  ElfBuilder& type(std::uint16_t type) {
    header_.e_type = type;
    return *this;
  }
  ElfBuilder& machine(std::uint16_t machine) {
    header_.e_machine = machine;
    return *this;
  }

  TestElf build() {
    if (symbols_.size() > sizeof(Elf64_Sym)) {
      section(".symtab", symbols_, {}, SHT_SYMTAB);
      section(".strtab", strings_, {}, SHT_STRTAB);
    }
    std::string names(1, '\0');
    std::string body, section_headers = bytes_of(Elf64_Shdr{}), segments;
    sections_.push_back({".shstrtab", "", {}, SHT_STRTAB, 0});
    for (const Section& s : sections_) names += s.name + '\0';
    sections_.back().bytes = names;
    std::uint32_t name_at = 1;
    for (const Section& s : sections_) {
      Elf64_Shdr raw{};
      raw.sh_name = name_at;
      raw.sh_type = s.type;
      raw.sh_addr = s.address.value;
      raw.sh_offset = body_at() + body.size();
      raw.sh_size = s.bytes.size();
      name_at += static_cast<std::uint32_t>(s.name.size() + 1);
      section_headers += bytes_of(raw);
      if (s.address) segments += bytes_of(segment(raw, PT_LOAD, s.flags));
      if (s.type == SHT_DYNAMIC)
        segments += bytes_of(segment(raw, PT_DYNAMIC, s.flags));
      body += s.bytes;
    }
    return TestElf(finish(body, section_headers, segments));
  }

 private:
  struct Section {
    std::string name;
    std::string bytes;
    Addr address;
    std::uint32_t type;
    std::uint32_t flags;  ///< of its segment
  };

  template <class T>
  static std::string bytes_of(const T& value) {
    return {reinterpret_cast<const char*>(&value), sizeof(T)};
  }
  static Elf64_Phdr segment(const Elf64_Shdr& section, std::uint32_t type,
                            std::uint32_t flags) {
    Elf64_Phdr raw{};
    raw.p_type = type;
    raw.p_flags = flags;
    raw.p_offset = section.sh_offset;
    raw.p_vaddr = section.sh_addr;
    raw.p_filesz = section.sh_size;
    raw.p_memsz = section.sh_size;
    return raw;
  }
  std::uint64_t body_at() const {
    std::uint64_t loaded = 0;
    for (const Section& s : sections_)
      loaded += (s.address ? 1 : 0) + (s.type == SHT_DYNAMIC ? 1 : 0);
    return sizeof(Elf64_Ehdr) + loaded * sizeof(Elf64_Phdr);
  }
  std::string finish(const std::string& body,
                     const std::string& section_headers,
                     const std::string& segments) {
    std::memcpy(header_.e_ident, ELFMAG, SELFMAG);
    header_.e_ident[EI_CLASS] = ELFCLASS64;
    header_.e_ident[EI_DATA] = ELFDATA2LSB;
    header_.e_phoff = sizeof(Elf64_Ehdr);
    header_.e_phentsize = sizeof(Elf64_Phdr);
    header_.e_phnum =
        static_cast<std::uint16_t>(segments.size() / sizeof(Elf64_Phdr));
    header_.e_shoff = body_at() + body.size();
    header_.e_shentsize = sizeof(Elf64_Shdr);
    header_.e_shnum = static_cast<std::uint16_t>(sections_.size() + 1);
    header_.e_shstrndx = static_cast<std::uint16_t>(sections_.size());
    return bytes_of(header_) + segments + body + section_headers;
  }

  Elf64_Ehdr header_ = [] {
    Elf64_Ehdr header{};
    header.e_type = ET_EXEC;
    header.e_machine = EM_X86_64;
    return header;
  }();
  std::vector<Section> sections_;
  std::string symbols_ = std::string(sizeof(Elf64_Sym), '\0');
  std::string strings_ = std::string(1, '\0');
};

}  // namespace taskleak
