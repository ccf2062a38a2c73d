// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Fills a GoLayout from one of its two sources. Both are driven by the list in
// layout_fields.inc; whatever comes out is checked against the same list, so
// that no field of a version is missing and none is left over.
#include "probes/go/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>
#include <utility>

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

/// One distinct layout of the table: the releases that it holds for.
struct Releases {
  int minor;
  int first_patch;
  int last_patch;
};

constexpr Releases kReleases[] = {
#define LAYOUT(minor, first_patch, last_patch) {minor, first_patch, last_patch},
#define SINCE(...)
#include "probes/go/layout_table.inc"
#undef LAYOUT
#undef SINCE
};

/// Where a field lies from a release on. Those of one field follow each other,
/// oldest first.
struct Since {
  Accessor at;
  int minor;
  int patch;
  std::uint32_t offset;

  bool holds_for(const Releases& releases) const {
    return std::pair(minor, patch) <=
           std::pair(releases.minor, releases.first_patch);
  }
};

// No field has gone yet without another in its place.
[[maybe_unused]] constexpr std::uint32_t kNone = GoLayout::kAbsent;
constexpr Since kSince[] = {
#define LAYOUT(...)
#define SINCE(group, field, minor, patch, offset) \
  {TASKLEAK_AT(group, field), minor, patch, offset},
#include "probes/go/layout_table.inc"
#undef LAYOUT
#undef SINCE
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

constexpr int kOldestMinor = std::begin(kReleases)->minor;
constexpr int kNewestMinor = std::rbegin(kReleases)->minor;

/// A version newer than the table has what the newest in it has.
bool has_field(const Field& field, GoVersion version) {
  const int minor = std::min(version.minor, kNewestMinor);
  return field.first_minor <= minor && minor <= field.last_minor;
}

GoLayout empty_layout() {
  GoLayout layout{};
  for (const Field& field : kFields) field.at(layout) = GoLayout::kAbsent;
  return layout;
}

/// The releases with the layout of this one; null when it is not in the table,
/// or is modified.
const Releases* known_release(GoVersion version) {
  const auto* found = std::ranges::find_if(kReleases, [&](const auto& r) {
    return r.minor == version.minor && r.first_patch <= version.patch &&
           version.patch <= r.last_patch;
  });
  return version.modified || found == std::end(kReleases) ? nullptr : found;
}

std::string known_versions() {
  std::string text;
  const std::size_t count = std::size(kReleases);
  for (std::size_t i = 0; i < count; i++) {
    const Releases& it = kReleases[i];
    if (i == 0 || kReleases[i - 1].minor != it.minor)
      text += fmt::format("{}1.{}.{} to ", text.empty() ? "" : ", ", it.minor,
                          it.first_patch);
    if (i + 1 == count || kReleases[i + 1].minor != it.minor)
      text += fmt::format("1.{}.{}", it.minor, it.last_patch);
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

Result<StructLayouts> read_dwarf(int exe_fd) {
  std::set<std::string_view> names;
  for (const Field& field : kFields) names.insert(struct_of(field.path));
  const std::vector<std::string_view> structs(names.begin(), names.end());
  return dwarf_layouts(exe_fd, structs);
}

}  // namespace

bool newer_than_table(GoVersion version) {
  return version.minor > kNewestMinor;
}

std::string newest_in_table() { return fmt::format("1.{}", kNewestMinor); }

Result<GoLayout> layout_from_dwarf(int exe_fd, GoVersion version) {
  if (version.minor < kOldestMinor)
    return fail(Errc::kUnsupported,
                fmt::format("Go {} is not known; known are {}", version.text(),
                            known_versions()));
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
      // A release that was tried is not what it says.
      return fail(known_release(version) ? Errc::kCorrupt : Errc::kUnsupported,
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
  const Releases* releases = known_release(version);
  if (releases == nullptr) return unknown(version);
  GoLayout layout = empty_layout();
  for (const Since& since : kSince)
    if (since.holds_for(*releases)) since.at(layout) = since.offset;
  layout.source =
      fmt::format("table go1.{}.{}", releases->minor, releases->first_patch);
  return layout;
}

Result<GoLayout> find_layout(int exe_fd, GoVersion version) {
  auto layout = layout_from_dwarf(exe_fd, version);
  if (layout || layout.error().code() != Errc::kNotFound) return layout;
  return layout_from_table(version);
}

}  // namespace taskleak
