// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The tree of stacks: frames are told apart by all that they called, and where
// a stack ends is decided once.
#include "probes/go/stack_trie.h"

#include <doctest/doctest.h>

using namespace taskleak;

namespace {

constexpr PcInfo kPlain{.entry = 0x1000, .frame_bytes = 0x30, .known = true};
constexpr PcInfo kTop{.entry = 0x2000, .known = true, .top_frame = true};
constexpr PcInfo kForeign{};

/// The node at the end of a path of plain frames.
std::uint32_t path(StackTrie& trie, const std::vector<std::uint64_t>& pcs) {
  std::uint32_t at = StackTrie::kRoot;
  for (const std::uint64_t pc : pcs) {
    std::uint32_t next = trie.find(at, pc);
    if (next == StackTrie::kNone) next = trie.add(at, pc, kPlain);
    at = next;
  }
  return at;
}

}  // namespace

TEST_CASE("one path is one node, and two that differ anywhere are two") {
  StackTrie trie;
  const std::uint32_t first = path(trie, {10, 20, 30});
  CHECK(path(trie, {10, 20, 30}) == first);
  CHECK(path(trie, {11, 20, 30}) != first);
  CHECK(path(trie, {10, 21, 30}) != first);
  CHECK(path(trie, {10, 20}) != first);
  CHECK(trie.pcs(first) == std::vector<std::uint64_t>{10, 20, 30});
}

TEST_CASE("many callers of one frame are all found again") {
  StackTrie trie;
  std::vector<std::uint32_t> nodes;
  for (std::uint64_t pc = 0; pc < 5000; ++pc)
    nodes.push_back(path(trie, {7, 1000 + pc, 5}));
  for (std::uint64_t pc = 0; pc < 5000; ++pc)
    REQUIRE(path(trie, {7, 1000 + pc, 5}) == nodes[pc]);
}

TEST_CASE("a recursion is told apart by its depth") {
  StackTrie trie;
  const std::uint32_t twice = path(trie, {10, 20, 20});
  const std::uint32_t thrice = path(trie, {10, 20, 20, 20});
  CHECK(twice != thrice);
  CHECK(trie[twice].depth == 3);
  CHECK(trie[thrice].depth == 4);
}

TEST_CASE("a stack ends where nothing called, and there leaves goexit out") {
  StackTrie trie;
  const std::uint32_t worker = path(trie, {10, 20});
  const std::uint32_t end = trie.add(worker, 30, kTop);
  CHECK(trie[end].last);
  CHECK(trie[end].complete);
  CHECK(trie.outermost(end) == worker);
  // alone it is all there is
  const std::uint32_t alone = trie.add(StackTrie::kRoot, 30, kTop);
  CHECK(trie.outermost(alone) == alone);
}

TEST_CASE("a stack ends at an address that is no Go code") {
  StackTrie trie;
  const std::uint32_t worker = path(trie, {10, 20});
  const std::uint32_t end = trie.add(worker, 0xdead, kForeign);
  CHECK(trie[end].last);
  CHECK_FALSE(trie[end].complete);
  CHECK(trie.outermost(end) == worker);
  CHECK(trie.outermost(trie.add(StackTrie::kRoot, 1, kForeign)) ==
        StackTrie::kRoot);
}

TEST_CASE("a frame that was interrupted stands at its own address") {
  StackTrie trie;
  PcInfo injected = kPlain;
  injected.role = GoRole::kInjected;
  const std::uint32_t preempt = trie.add(StackTrie::kRoot, 10, injected);
  const std::uint32_t below = trie.add(preempt, 20, kPlain);
  const std::uint32_t caller = trie.add(below, 30, kPlain);
  CHECK(trie.pcs(caller) == std::vector<std::uint64_t>{10, 21, 30});
}

TEST_CASE("frames beyond the bound are not listed") {
  StackTrie trie;
  const std::uint32_t deep =
      path(trie, std::vector<std::uint64_t>(StackTrie::kMaxFrames + 1, 20));
  CHECK(trie[deep].depth == StackTrie::kMaxFrames);
  CHECK(trie[deep].last);
  CHECK_FALSE(trie[deep].listed);
  CHECK(trie.pcs(trie.outermost(deep)).size() == StackTrie::kMaxFrames);
}
