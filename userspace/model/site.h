// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// What makes two tasks belong to one site, and the site's id. The id hashes
// names a person would recognise (runtime, functions, lines, reason), never
// addresses or table indices, so it is the same in every run of every build
// that kept those lines, on every host.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "model/task.h"

namespace taskleak {

/// Stable 64-bit hash of a frame as a person knows it: function and line.
std::uint64_t frame_hash(const Frame& frame);
/// Stable 64-bit hash of a name (a runtime, a wait reason).
std::uint64_t text_hash(std::string_view text);
/// A site's key from its four parts, each hashed as above; 0 for a part that
/// is not known or does not apply. 48 bits: what the id shows.
std::uint64_t site_key(std::uint64_t runtime, std::uint64_t created_at,
                       std::uint64_t blocked_at, std::uint64_t reason);
/// The key as 12 lower-case hex digits.
std::string site_id(std::uint64_t key);

/// The frame a person should look at: the innermost one of the user's own
/// code, else of a library, else the top; none for an empty stack.
FrameId blocked_frame(std::span<const FrameId> stack,
                      std::span<const Frame> frames);

}  // namespace taskleak
