// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// ELF by hand: the few tables that we need, each bounded by the file before it
// is looked at. Nothing here follows a number of the file without asking
// whether `within` the file it stays; a table that does not is an error, never
// a shorter table.
#include "target/elf_file.h"

#include <elf.h>
#include <errno.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <utility>

namespace taskleak {
namespace {

using Bytes = std::span<const std::byte>;

bool within(std::uint64_t offset, std::uint64_t size, std::uint64_t whole) {
  return offset <= whole && size <= whole - offset;
}

/// Owns the mapping of a file; empty files map to nothing.
class FileMapping {
 public:
  FileMapping() = default;
  FileMapping(void* begin, std::size_t size) : begin_(begin), size_(size) {}
  FileMapping(FileMapping&& other) noexcept
      : begin_(std::exchange(other.begin_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  FileMapping& operator=(FileMapping&& other) noexcept {
    std::swap(begin_, other.begin_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~FileMapping() {
    if (begin_ != nullptr) munmap(begin_, size_);
  }
  Bytes bytes() const { return {static_cast<const std::byte*>(begin_), size_}; }

 private:
  void* begin_ = nullptr;
  std::size_t size_ = 0;
};

Result<FileMapping> map_file(int fd) {
  struct stat file{};
  if (fstat(fd, &file) != 0) return fail_os("stat of an ELF file", errno);
  const auto size = static_cast<std::size_t>(file.st_size);
  if (size == 0) return FileMapping();
  void* begin = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (begin == MAP_FAILED) return fail_os("mapping an ELF file", errno);
  return FileMapping(begin, size);
}

/// Copies a struct out of bytes that already are known to hold it.
template <class T>
T copy(Bytes bytes, std::uint64_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

/// `count` structs at `offset`, all of them inside of `bytes`.
template <class T>
Result<std::vector<T>> table(Bytes bytes, std::uint64_t offset,
                             std::uint64_t count, const char* what) {
  if (count > bytes.size() / sizeof(T) ||
      !within(offset, count * sizeof(T), bytes.size()))
    return fail(Errc::kCorrupt, fmt::format("{} lie outside the file", what));
  std::vector<T> entries(count);
  if (count != 0)
    std::memcpy(entries.data(), bytes.data() + offset, count * sizeof(T));
  return entries;
}

/// The NUL-terminated text at `offset`; nothing when it has no end.
std::optional<std::string_view> text_at(Bytes strings, std::uint64_t offset) {
  if (offset >= strings.size()) return std::nullopt;
  const auto* begin = reinterpret_cast<const char*>(strings.data()) + offset;
  const std::size_t room = strings.size() - offset;
  const void* end = std::memchr(begin, 0, room);
  if (end == nullptr) return std::nullopt;
  return std::string_view(
      begin, static_cast<std::size_t>(static_cast<const char*>(end) - begin));
}

Status check_ident(Bytes file) {
  constexpr std::string_view kNot = "not an ELF file";
  if (file.size() < EI_NIDENT || std::memcmp(file.data(), ELFMAG, SELFMAG) != 0)
    return fail(Errc::kCorrupt, std::string(kNot));
  const auto ident = [&](int at) { return static_cast<int>(file[at]); };
  if (ident(EI_CLASS) != ELFCLASS64 || ident(EI_DATA) != ELFDATA2LSB)
    return fail(Errc::kUnsupported, "not a 64-bit little-endian ELF file");
  if (file.size() < sizeof(Elf64_Ehdr))
    return fail(Errc::kCorrupt, "an ELF file cut off in its header");
  return {};
}

Result<Elf64_Ehdr> read_header(Bytes file) {
  TRY(check_ident(file));
  const auto header = copy<Elf64_Ehdr>(file, 0);
  if (header.e_machine != EM_X86_64)
    return fail(Errc::kUnsupported,
                fmt::format("an ELF file for machine {}, not x86-64",
                            header.e_machine));
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
    return fail(Errc::kUnsupported, "an ELF file that is no executable");
  if (header.e_phnum != 0 && header.e_phentsize != sizeof(Elf64_Phdr))
    return fail(Errc::kCorrupt, "program headers of a wrong size");
  if (header.e_shoff != 0 && header.e_shentsize != sizeof(Elf64_Shdr))
    return fail(Errc::kCorrupt, "section headers of a wrong size");
  return header;
}

/// Section headers; counts that do not fit 16 bits stand in the first one.
Result<std::vector<Elf64_Shdr>> read_sections(Bytes file,
                                              const Elf64_Ehdr& header) {
  if (header.e_shoff == 0) return std::vector<Elf64_Shdr>{};
  constexpr const char* kWhat = "section headers";
  std::uint64_t count = header.e_shnum;
  if (count == 0) {
    TRY(const auto first, table<Elf64_Shdr>(file, header.e_shoff, 1, kWhat));
    count = first[0].sh_size;
  }
  return table<Elf64_Shdr>(file, header.e_shoff, count, kWhat);
}

Result<Bytes> section_bytes(Bytes file, const ElfSection& section) {
  if (!section.in_file) return Bytes{};
  if (!within(section.offset, section.size, file.size()))
    return fail(Errc::kCorrupt,
                "section " + section.name + " lies outside the file");
  return file.subspan(section.offset, section.size);
}

/// The descriptor of the first note of this name and type.
Bytes find_note(Bytes notes, std::string_view name, std::uint32_t type) {
  const auto aligned = [](std::uint64_t size) {
    return (size + 3) & ~std::uint64_t{3};
  };
  std::uint64_t at = 0;
  while (within(at, sizeof(Elf64_Nhdr), notes.size())) {
    const auto note = copy<Elf64_Nhdr>(notes, at);
    const std::uint64_t name_at = at + sizeof(Elf64_Nhdr);
    const std::uint64_t desc_at = name_at + aligned(note.n_namesz);
    if (!within(name_at, note.n_namesz, notes.size()) ||
        !within(desc_at, note.n_descsz, notes.size()))
      return {};
    const std::string_view found(
        reinterpret_cast<const char*>(notes.data()) + name_at, note.n_namesz);
    if (note.n_type == type && found == name)
      return notes.subspan(desc_at, note.n_descsz);
    at = desc_at + aligned(note.n_descsz);
  }
  return {};
}

std::string hex(Bytes bytes) {
  std::string text;
  for (const std::byte byte : bytes)
    text += fmt::format("{:02x}", static_cast<unsigned>(byte));
  return text;
}

/// Go's build id is base64 words joined by '/'; anything else is no build id.
std::string go_build_id(Bytes bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    const char c = static_cast<char>(byte);
    const bool expected = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                          (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
                          c == '/';
    if (!expected) return {};
    text += c;
  }
  return text;
}

/// A build id longer than this is none (GNU: 20 bytes, Go: 83).
constexpr std::size_t kMaxBuildIdBytes = 256;

}  // namespace

struct ElfFile::Impl {
  using Names = std::unordered_map<std::string_view, std::size_t>;

  FileMapping mapping;
  Elf64_Ehdr header{};
  std::vector<Elf64_Phdr> segments;
  std::vector<ElfSegment> loaded;
  std::vector<ElfSection> sections;
  /// Read when a symbol is first asked for: a census asks for a dozen of some
  /// 100,000.
  mutable std::optional<std::vector<Elf64_Sym>> symbols;
  mutable Names symbol_by_name;

  Bytes file() const { return mapping.bytes(); }
  Status load();
  void name_sections(const std::vector<Elf64_Shdr>& headers);
  Result<Bytes> symbol_strings(const ElfSection& symtab) const;
  void load_symbols() const;
  const Elf64_Phdr* segment_of(Addr address, std::uint64_t size) const;
  const ElfSection* symbol_section() const;
  const ElfSection* find(std::string_view name) const;
};

Status ElfFile::Impl::load() {
  TRY(header, read_header(file()));
  TRY(segments, table<Elf64_Phdr>(file(), header.e_phoff, header.e_phnum,
                                  "program headers"));
  for (const Elf64_Phdr& raw : segments)
    if (raw.p_type == PT_LOAD)
      loaded.push_back({.address = Addr{raw.p_vaddr},
                        .file_size = raw.p_filesz,
                        .memory_size = raw.p_memsz,
                        .writable = (raw.p_flags & PF_W) != 0,
                        .executable = (raw.p_flags & PF_X) != 0});
  TRY(const auto headers, read_sections(file(), header));
  for (const Elf64_Shdr& raw : headers)
    sections.push_back(
        {.name = {},
         .address = Addr{raw.sh_addr},
         .offset = raw.sh_offset,
         .size = raw.sh_size,
         .in_file = raw.sh_type != SHT_NOBITS && raw.sh_type != SHT_NULL});
  name_sections(headers);
  return {};
}

void ElfFile::Impl::name_sections(const std::vector<Elf64_Shdr>& headers) {
  std::size_t names_at = header.e_shstrndx;
  if (names_at == SHN_XINDEX && !headers.empty()) names_at = headers[0].sh_link;
  if (names_at >= sections.size()) return;
  const auto names = section_bytes(file(), sections[names_at]);
  if (!names) return;
  for (std::size_t i = 0; i < headers.size(); i++)
    sections[i].name = text_at(*names, headers[i].sh_name).value_or("");
}

const ElfSection* ElfFile::Impl::find(std::string_view name) const {
  const auto found =
      std::find_if(sections.begin(), sections.end(),
                   [&](const ElfSection& s) { return s.name == name; });
  return found == sections.end() ? nullptr : &*found;
}

const ElfSection* ElfFile::Impl::symbol_section() const {
  const ElfSection* full = find(".symtab");
  if (full != nullptr && full->in_file) return full;
  return find(".dynsym");
}

Result<Bytes> ElfFile::Impl::symbol_strings(const ElfSection& symtab) const {
  const ElfSection* strings =
      find(symtab.name == ".symtab" ? ".strtab" : ".dynstr");
  if (strings == nullptr)
    return fail(Errc::kCorrupt, "a symbol table without strings");
  return section_bytes(file(), *strings);
}

void ElfFile::Impl::load_symbols() const {
  symbols.emplace();
  const ElfSection* symtab = symbol_section();
  if (symtab == nullptr || !symtab->in_file) return;
  auto entries = table<Elf64_Sym>(file(), symtab->offset,
                                  symtab->size / sizeof(Elf64_Sym), "symbols");
  const auto strings = symbol_strings(*symtab);
  if (!entries || !strings) return;
  symbols = *std::move(entries);
  symbol_by_name.reserve(symbols->size());
  for (std::size_t i = 0; i < symbols->size(); i++) {
    const Elf64_Sym& symbol = (*symbols)[i];
    if (symbol.st_shndx == SHN_UNDEF) continue;
    if (const auto name = text_at(*strings, symbol.st_name))
      symbol_by_name.emplace(*name, i);
  }
}

const Elf64_Phdr* ElfFile::Impl::segment_of(Addr address,
                                            std::uint64_t size) const {
  for (const Elf64_Phdr& segment : segments)
    if (segment.p_type == PT_LOAD && address.value >= segment.p_vaddr &&
        within(address.value - segment.p_vaddr, size, segment.p_filesz))
      return &segment;
  return nullptr;
}

ElfFile::ElfFile() : impl_(std::make_unique<Impl>()) {}
ElfFile::ElfFile(ElfFile&&) noexcept = default;
ElfFile& ElfFile::operator=(ElfFile&&) noexcept = default;
ElfFile::~ElfFile() = default;

Result<ElfFile> ElfFile::open(int fd) {
  ElfFile file;
  TRY(file.impl_->mapping, map_file(fd));
  TRY(file.impl_->load());
  return file;
}

bool ElfFile::position_independent() const {
  return impl_->header.e_type == ET_DYN;
}

std::optional<Addr> ElfFile::program_headers() const {
  const std::uint64_t at = impl_->header.e_phoff;
  for (const Elf64_Phdr& segment : impl_->segments)
    if (segment.p_type == PT_LOAD && at >= segment.p_offset &&
        within(at - segment.p_offset,
               impl_->segments.size() * sizeof(Elf64_Phdr), segment.p_filesz))
      return Addr{segment.p_vaddr + (at - segment.p_offset)};
  return std::nullopt;
}

bool ElfFile::has_interpreter() const {
  return std::ranges::any_of(impl_->segments, [](const Elf64_Phdr& segment) {
    return segment.p_type == PT_INTERP;
  });
}

Addr ElfFile::entry() const { return Addr{impl_->header.e_entry}; }

std::span<const ElfSegment> ElfFile::segments() const { return impl_->loaded; }

std::pair<Addr, std::uint64_t> ElfFile::dynamic() const {
  for (const Elf64_Phdr& segment : impl_->segments)
    if (segment.p_type == PT_DYNAMIC)
      return {Addr{segment.p_vaddr}, segment.p_filesz};
  return {};
}

std::string ElfFile::build_id() const {
  const auto note = [&](std::string_view section_name, std::string_view name,
                        std::uint32_t type) -> Bytes {
    const ElfSection* found = section(section_name);
    if (found == nullptr) return {};
    const auto notes = bytes(*found);
    if (!notes) return {};
    const Bytes id = find_note(*notes, name, type);
    return id.size() <= kMaxBuildIdBytes ? id : Bytes{};
  };
  using namespace std::string_view_literals;
  const Bytes gnu = note(".note.gnu.build-id", "GNU\0"sv, NT_GNU_BUILD_ID);
  if (!gnu.empty()) return hex(gnu);
  constexpr std::uint32_t kGoBuildIdNote = 4;  // cmd/internal/buildid
  return go_build_id(note(".note.go.buildid", "Go\0\0"sv, kGoBuildIdNote));
}

std::span<const ElfSection> ElfFile::sections() const {
  return impl_->sections;
}

const ElfSection* ElfFile::section(std::string_view name) const {
  return impl_->find(name);
}

Result<std::span<const std::byte>> ElfFile::bytes(
    const ElfSection& section) const {
  return section_bytes(impl_->file(), section);
}

Result<std::span<const std::byte>> ElfFile::at(Addr address,
                                               std::uint64_t size) const {
  const Elf64_Phdr* segment = impl_->segment_of(address, size);
  if (segment == nullptr)
    return fail(Errc::kNotFound, "no segment of the file holds the address",
                address.value);
  const std::uint64_t into = address.value - segment->p_vaddr;
  const Bytes file = impl_->file();
  if (!within(segment->p_offset, segment->p_filesz, file.size()))
    return fail(Errc::kCorrupt, "a segment lies outside the file",
                address.value);
  return file.subspan(segment->p_offset + into, size);
}

Result<std::uint64_t> ElfFile::file_offset(Addr address) const {
  TRY(const Bytes byte, at(address, 1));
  return static_cast<std::uint64_t>(byte.data() - impl_->file().data());
}

std::optional<ElfSymbol> ElfFile::symbol(std::string_view name) const {
  if (!impl_->symbols) impl_->load_symbols();
  const auto found = impl_->symbol_by_name.find(name);
  if (found == impl_->symbol_by_name.end()) return std::nullopt;
  const Elf64_Sym& raw = (*impl_->symbols)[found->second];
  return ElfSymbol{.name = std::string(name),
                   .address = Addr{raw.st_value},
                   .size = raw.st_size,
                   .function = ELF64_ST_TYPE(raw.st_info) == STT_FUNC};
}

bool ElfFile::has_symtab() const {
  const ElfSection* full = section(".symtab");
  return full != nullptr && full->in_file;
}

}  // namespace taskleak
