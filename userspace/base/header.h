// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The grammar that HTTP's list headers share: parts between separators, blanks
// around them, words without case.
#pragma once

#include <string_view>

namespace taskleak {

/// `text` without the characters of `blank` at its ends.
std::string_view trimmed(std::string_view text, std::string_view blank = " \t");
/// Cuts off and returns what stands before the next `separator`, trimmed.
std::string_view next_part(std::string_view& rest, char separator);
/// Equal but for the case of ASCII letters.
bool same_word(std::string_view a, std::string_view b);

}  // namespace taskleak
