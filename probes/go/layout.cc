// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Fills a GoLayout from one of its two sources. Both are driven by the list in
// layout_fields.inc; whatever comes out is checked against the same list, so
// that no field of a version is missing and none is left over.
#include "probes/go/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <span>

#include "target/elf_file.h"

namespace taskleak {
namespace {

using Accessor = std::uint32_t& (*)(GoLayout&);

#define TASKLEAK_AT(group, field) \
  [](GoLayout& layout) -> std::uint32_t& { return layout.group.field; }

struct Field {
  Accessor at;
  std::string_view path;
  int first_minor;
  int last_minor;
};

constexpr Field kFields[] = {
#define FIELD(group, field, path, first, last) \
  {TASKLEAK_AT(group, field), path, first, last},
#include "probes/go/layout_fields.inc"
#undef FIELD
};

/// One column of the table: the layout of these releases.
struct Column {
  int minor;
  int first_patch;
  int last_patch;
};

constexpr Column kColumns[] = {
#define LAYOUT(minor, first_patch, last_patch) {minor, first_patch, last_patch},
#define ROW(...)
#include "probes/go/layout_table.inc"
#undef LAYOUT
#undef ROW
};

struct Row {
  Accessor at;
  std::array<std::uint32_t, std::size(kColumns)> offsets;
};

constexpr std::uint32_t kNone = GoLayout::kAbsent;
constexpr Row kRows[] = {
#define LAYOUT(...)
#define ROW(group, field, ...) {TASKLEAK_AT(group, field), {__VA_ARGS__}},
#include "probes/go/layout_table.inc"
#undef LAYOUT
#undef ROW
};

/// No struct of Go's runtime that we look at is larger: runtime.p has 16 KiB.
constexpr std::uint64_t kMaxOffset = 128 << 10;

/// "runtime.g" of "runtime.g.sched.sp".
std::string_view struct_of(std::string_view path) {
  return path.substr(0, path.find('.', path.find('.') + 1));
}

/// Structs that a program without use for them has not.
bool optional(std::string_view path) {
  const std::string_view name = struct_of(path);
  return name == "runtime.pollDesc" || name == "runtime.notifyList";
}

bool has_field(const Field& field, GoVersion version) {
  return field.first_minor <= version.minor &&
         version.minor <= field.last_minor;
}

GoLayout empty_layout() {
  GoLayout layout{};
  for (const Field& field : kFields) field.at(layout) = GoLayout::kAbsent;
  return layout;
}

std::string known_versions() {
  std::string text;
  for (std::size_t i = 0; i < std::size(kColumns); i++) {
    const Column& column = kColumns[i];
    if (i == 0 || kColumns[i - 1].minor != column.minor)
      text += fmt::format("{}1.{}.{} to ", text.empty() ? "" : ", ",
                          column.minor, column.first_patch);
    if (i + 1 == std::size(kColumns) || kColumns[i + 1].minor != column.minor)
      text += fmt::format("1.{}.{}", column.minor, column.last_patch);
  }
  return text;
}

std::unexpected<Error> unknown(GoVersion version) {
  return fail(
      Errc::kUnsupported,
      fmt::format("Go {}{} is not known without debug information; "
                  "known are {}",
                  version.text(), version.modified ? " with modifications" : "",
                  known_versions()));
}

Status known_minor(GoVersion version) {
  for (const Column& column : kColumns)
    if (column.minor == version.minor) return {};
  return fail(Errc::kUnsupported,
              fmt::format("Go {} is not known; known are {}", version.text(),
                          known_versions()));
}

Result<StructLayouts> read_dwarf(int exe_fd) {
  std::set<std::string_view> names;
  for (const Field& field : kFields) names.insert(struct_of(field.path));
  const std::vector<std::string_view> structs(names.begin(), names.end());
  return dwarf_layouts(exe_fd, structs);
}

}  // namespace

Result<GoLayout> layout_from_dwarf(int exe_fd, GoVersion version) {
  TRY(known_minor(version));
  TRY(const StructLayouts found, read_dwarf(exe_fd));
  // With cgo, C's debug information may be there where Go's was left out.
  if (!found.contains("runtime.g._size"))
    return fail(Errc::kNotFound, "no debug information on Go's runtime");
  GoLayout layout = empty_layout();
  layout.source = "dwarf";
  for (const Field& field : kFields) {
    if (!has_field(field, version)) continue;
    const auto offset = found.find(field.path);
    if (offset == found.end()) {
      const std::string_view owner = struct_of(field.path);
      if (optional(field.path) &&
          !found.contains(fmt::format("{}._size", owner)))
        continue;
      return fail(Errc::kUnsupported,
                  fmt::format("its debug information lacks {}, which Go {} "
                              "must have",
                              field.path, version.text()));
    }
    if (offset->second > kMaxOffset)
      return fail(Errc::kCorrupt,
                  fmt::format("its debug information puts {} at {}", field.path,
                              offset->second));
    field.at(layout) = static_cast<std::uint32_t>(offset->second);
  }
  return layout;
}

Result<GoLayout> layout_from_table(GoVersion version) {
  if (version.modified) return unknown(version);
  const auto column = std::find_if(
      std::begin(kColumns), std::end(kColumns), [&](const Column& c) {
        return c.minor == version.minor && c.first_patch <= version.patch &&
               version.patch <= c.last_patch;
      });
  if (column == std::end(kColumns)) return unknown(version);
  GoLayout layout = empty_layout();
  const std::size_t index = column - std::begin(kColumns);
  for (const Row& row : kRows) row.at(layout) = row.offsets[index];
  layout.source =
      fmt::format("table go1.{}.{}", column->minor, column->first_patch);
  return layout;
}

Result<GoLayout> find_layout(int exe_fd, GoVersion version) {
  auto layout = layout_from_dwarf(exe_fd, version);
  if (layout || layout.error().code() != Errc::kNotFound) return layout;
  return layout_from_table(version);
}

}  // namespace taskleak
