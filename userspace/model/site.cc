// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Hashes of sites: FNV-1a over the names, splitmix64's finisher to mix the
// parts. Both are fixed for ever, since ids are compared between runs.
#include "model/site.h"

#include <fmt/format.h>

namespace taskleak {
namespace {

constexpr std::uint64_t kFnvOffset = 0xcbf29ce484222325U;
constexpr std::uint64_t kFnvPrime = 0x100000001b3U;
constexpr int kSiteIdBits = 48;

std::uint64_t fnv1a(std::string_view text, std::uint64_t hash) {
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= kFnvPrime;
  }
  return hash;
}

std::uint64_t mix(std::uint64_t hash) {
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9U;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebU;
  return hash ^ (hash >> 31);
}

}  // namespace

std::uint64_t text_hash(std::string_view text) {
  return mix(fnv1a(text, kFnvOffset));
}

std::uint64_t frame_hash(const Frame& frame) {
  return mix(fnv1a(frame.function, kFnvOffset) ^ mix(frame.line + 1U));
}

std::uint64_t site_key(std::uint64_t runtime, std::uint64_t created_at,
                       std::uint64_t blocked_at, std::uint64_t reason) {
  // Chained, so that the place of a part counts as well as its value.
  std::uint64_t hash = mix(runtime + kFnvOffset);
  hash = mix(hash + created_at);
  hash = mix(hash + blocked_at);
  hash = mix(hash + reason);
  return hash >> (64 - kSiteIdBits);
}

std::string site_id(std::uint64_t key) { return fmt::format("{:012x}", key); }

FrameId blocked_frame(std::span<const FrameId> stack,
                      std::span<const Frame> frames) {
  FrameId library;
  for (const FrameId id : stack) {
    const FrameOwner owner = frames[id.value].owner;
    if (owner == FrameOwner::kUser) return id;
    if (owner == FrameOwner::kLibrary && !library.valid()) library = id;
  }
  if (library.valid()) return library;
  return stack.empty() ? FrameId::none() : stack.front();
}

}  // namespace taskleak
