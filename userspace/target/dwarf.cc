// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Struct layouts from DWARF, by libdw, which also undoes compressed sections
// and knows DWARF 5 (Go >= 1.25). A Go linker puts the types of all packages
// where it likes, so units are searched one after the other, the package's own
// unit first; the search ends with the last struct found.
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>

#include "base/fd.h"
#include "target/elf_file.h"

namespace taskleak {
namespace {

using DwarfPtr = std::unique_ptr<Dwarf, Call<dwarf_end>>;

/// Entries looked at before giving up; the runtime of Go has some 10,000, the
/// largest programs known some ten million.
constexpr std::uint64_t kMaxEntries = 50'000'000;
/// Members of one struct, those of the structs inside it counted too.
constexpr int kMaxMembers = 4096;
/// How deep structs inside of structs are followed.
constexpr int kMaxDepth = 2;

std::string_view name_of(Dwarf_Die* entry) {
  const char* name = dwarf_diename(entry);
  return name == nullptr ? std::string_view{} : name;
}

/// The struct that a member is, typedefs taken off.
bool struct_type(Dwarf_Die* member, Dwarf_Die* type) {
  Dwarf_Attribute attribute;
  return dwarf_attr(member, DW_AT_type, &attribute) != nullptr &&
         dwarf_formref_die(&attribute, type) != nullptr &&
         dwarf_peel_type(type, type) == 0 &&
         dwarf_tag(type) == DW_TAG_structure_type;
}

/// Nothing when it has none or it is no constant.
std::optional<std::uint64_t> member_offset(Dwarf_Die* member) {
  Dwarf_Attribute attribute;
  Dwarf_Word offset = 0;
  if (dwarf_attr(member, DW_AT_data_member_location, &attribute) == nullptr ||
      dwarf_formudata(&attribute, &offset) != 0)
    return std::nullopt;
  return offset;
}

class Search {
 public:
  explicit Search(std::span<const std::string_view> structs)
      : missing_(structs.begin(), structs.end()) {}

  bool done() const { return missing_.empty(); }
  StructLayouts take() { return std::move(layouts_); }

  /// Looks through the entries right below a unit.
  Status unit(Dwarf_Die* unit_die) {
    Dwarf_Die entry;
    if (dwarf_child(unit_die, &entry) != 0) return {};
    do {
      if (++entries_ > kMaxEntries)
        return fail(Errc::kLimit, "more DWARF entries than are looked at");
      if (dwarf_tag(&entry) == DW_TAG_structure_type) structure(&entry);
    } while (!done() && dwarf_siblingof(&entry, &entry) == 0);
    return {};
  }

 private:
  void structure(Dwarf_Die* entry) {
    const auto wanted = missing_.find(name_of(entry));
    if (wanted == missing_.end()) return;
    const int size = dwarf_bytesize(entry);
    Dwarf_Attribute declaration;
    if (size < 0 ||
        dwarf_attr(entry, DW_AT_declaration, &declaration) != nullptr)
      return;
    const std::string name(*wanted);
    layouts_[name + "._size"] = static_cast<std::uint64_t>(size);
    members_left_ = kMaxMembers;
    members(entry, name, 0, 0);
    missing_.erase(wanted);
  }

  void members(Dwarf_Die* entry, const std::string& prefix, std::uint64_t base,
               int depth) {
    Dwarf_Die member;
    if (dwarf_child(entry, &member) != 0) return;
    do {
      if (dwarf_tag(&member) != DW_TAG_member) continue;
      const auto offset = member_offset(&member);
      if (!offset || members_left_-- <= 0) continue;
      const std::string name = fmt::format("{}.{}", prefix, name_of(&member));
      layouts_[name] = base + *offset;
      Dwarf_Die type;
      if (depth < kMaxDepth && struct_type(&member, &type))
        members(&type, name, base + *offset, depth + 1);
    } while (dwarf_siblingof(&member, &member) == 0);
  }

  std::set<std::string_view, std::less<>> missing_;
  StructLayouts layouts_;
  std::uint64_t entries_ = 0;
  int members_left_ = 0;
};

/// The unit of each package that a wanted struct is of ("runtime.g": runtime).
bool owns(std::string_view unit_name,
          std::span<const std::string_view> structs) {
  return std::any_of(structs.begin(), structs.end(), [&](std::string_view s) {
    return s.substr(0, s.rfind('.')) == unit_name;
  });
}

Status search_units(Dwarf* dwarf, std::span<const std::string_view> structs,
                    bool own_units, Search& search) {
  Dwarf_CU* unit = nullptr;
  Dwarf_Half version = 0;
  std::uint8_t unit_type = 0;
  Dwarf_Die unit_die, split_die;
  while (!search.done() &&
         dwarf_get_units(dwarf, unit, &unit, &version, &unit_type, &unit_die,
                         &split_die) == 0)
    if (owns(name_of(&unit_die), structs) == own_units)
      TRY(search.unit(&unit_die));
  return {};
}

}  // namespace

Result<StructLayouts> dwarf_layouts(int fd,
                                    std::span<const std::string_view> structs) {
  const DwarfPtr dwarf(dwarf_begin(fd, DWARF_C_READ));
  if (dwarf == nullptr)
    return fail(Errc::kNotFound, fmt::format("no DWARF: {}", dwarf_errmsg(-1)));
  Search search(structs);
  TRY(search_units(dwarf.get(), structs, true, search));
  TRY(search_units(dwarf.get(), structs, false, search));
  return search.take();
}

}  // namespace taskleak
