// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// A version of Go as numbers. What is known of Go's runtime without asking the
// binary is known by release, so everything that is no plain release (one that
// was modified, a candidate, a development build) is marked as such here, once.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/result.h"

namespace taskleak {

/// "go1.26.8" is {26, 8}; the first number is always 1.
struct GoVersion {
  int minor = 0;
  int patch = 0;
  /// Words behind the number ("X:boringcrypto", "-custom", "rc1") or before it
  /// ("devel") say that this is not the release itself: its structs may differ
  /// from the release's.
  bool modified = false;

  auto operator<=>(const GoVersion&) const = default;
  /// kUnsupported: a development build that names no version, or another Go
  /// than 1.x; kCorrupt: no Go version at all.
  static Result<GoVersion> parse(std::string_view text);
  /// "1.26.8".
  std::string text() const;
};

}  // namespace taskleak
