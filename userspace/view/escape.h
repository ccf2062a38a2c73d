// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Names of functions, files and labels are the target's bytes. Before any view
// prints them they are made valid UTF-8 and bounded, then escaped for the place
// they go to, so that no name can forge a metric, a tag or a terminal command.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace taskleak {

/// Longest name that a label, a line of text or a table cell shows; what is
/// cut off is marked with "…".
inline constexpr std::size_t kMaxShownBytes = 300;

/// `text` with every byte that is not UTF-8 replaced by U+FFFD.
std::string valid_utf8(std::string_view text);
/// The first `max_bytes` of valid UTF-8, never half a character.
std::string shortened(std::string text, std::size_t max_bytes);
/// For a terminal: valid UTF-8, shortened, without control characters (escape
/// sequences) and without marks that reorder text.
std::string printable(std::string_view text);
/// For HTML text and quoted attributes; printable, too.
std::string html_escaped(std::string_view text);
/// For a label value of both metrics formats, quotes not included.
std::string label_escaped(std::string_view text);
/// A JSON string, quotes included.
std::string json_quoted(std::string_view text);

}  // namespace taskleak
