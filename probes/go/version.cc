// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Reads Go version texts as runtime.Version() and the build information write
// them: "go1.21", "go1.26.8", "go1.26.8 X:boringcrypto", "go1.22.3-custom",
// "go1.27rc1", "devel go1.28-0123abc".
#include "probes/go/version.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace taskleak {
namespace {

/// Longer texts are cut before they get into a message.
constexpr std::size_t kMaxShownChars = 64;
/// No release will ever have a number above.
constexpr int kMaxNumber = 999;

/// Takes a decimal number off the front of `text`.
std::optional<int> take_number(std::string_view& text) {
  int number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number < 0 || number > kMaxNumber)
    return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::unexpected<Error> refuse(Errc code, const char* why,
                              std::string_view text) {
  std::string shown;
  for (const char c : text.substr(0, kMaxShownChars))
    shown += c >= ' ' && c <= '~' ? c : '?';
  return fail(code, fmt::format("Go version \"{}\": {}", shown, why));
}

}  // namespace

Result<GoVersion> GoVersion::parse(std::string_view text) {
  std::string_view rest = text;
  const bool development = take(rest, "devel ");
  if (!take(rest, "go"))
    return development || text.starts_with("devel")
               ? refuse(Errc::kUnsupported,
                        "a development build that does not say of what", text)
               : refuse(Errc::kCorrupt, "not a version of Go", text);
  const auto major = take_number(rest);
  if (!major || !take(rest, "."))
    return refuse(Errc::kCorrupt, "not a version of Go", text);
  if (*major != 1)
    return refuse(Errc::kUnsupported, "only Go 1 is known", text);
  const auto minor = take_number(rest);
  if (!minor) return refuse(Errc::kCorrupt, "not a version of Go", text);
  GoVersion version{.minor = *minor, .patch = 0, .modified = false};
  if (take(rest, ".")) {
    const auto patch = take_number(rest);
    if (!patch) return refuse(Errc::kCorrupt, "not a version of Go", text);
    version.patch = *patch;
  }
  version.modified = development || !rest.empty();
  return version;
}

std::string GoVersion::text() const {
  return fmt::format("1.{}.{}", minor, patch);
}

}  // namespace taskleak
