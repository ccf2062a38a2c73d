// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Versions as numbers, and the generated table: complete, plausible, and
// silent about what it does not hold. That its numbers are right is shown
// against real binaries (tests/e2e/layouts_test.py).
#include "probes/go/layout.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "tests/unit/elf_builder.h"

using namespace taskleak;

namespace {

GoLayout table(int minor, int patch) {
  return layout_from_table({minor, patch}).value();
}

/// Every number of a layout: all members in front of `source` are offsets.
std::vector<std::uint32_t> numbers(const GoLayout& layout) {
  constexpr std::size_t kBytes = offsetof(GoLayout, source);
  std::vector<std::uint32_t> all(kBytes / sizeof(std::uint32_t));
  std::memcpy(all.data(), &layout, all.size() * sizeof(std::uint32_t));
  // Padding in front of the text is no number.
  if (kBytes / sizeof(std::uint32_t) % 2 == 0 && all.back() == 0)
    all.pop_back();
  return all;
}

std::size_t count_absent(const GoLayout& layout) {
  const auto all = numbers(layout);
  return std::count(all.begin(), all.end(), GoLayout::kAbsent);
}

}  // namespace

TEST_CASE("releases are read as numbers") {
  CHECK(GoVersion::parse("go1.26.8").value() == GoVersion{26, 8});
  CHECK(GoVersion::parse("go1.18").value() == GoVersion{18, 0});
  CHECK(GoVersion::parse("go1.9.7").value() < GoVersion{21, 0});
  CHECK(GoVersion{26, 8}.text() == "1.26.8");
}

TEST_CASE("what stands behind the number marks a modified Go") {
  CHECK(GoVersion::parse("go1.26.8 X:boringcrypto").value() ==
        GoVersion{26, 8, true});
  CHECK(GoVersion::parse("go1.22.3-custom").value() == GoVersion{22, 3, true});
  CHECK(layout_from_table({26, 8, true}).error().code() == Errc::kUnsupported);
}

TEST_CASE("what comes before a release is not the release") {
  CHECK(GoVersion::parse("go1.27rc1").value() == GoVersion{27, 0, true});
  CHECK(GoVersion::parse("devel go1.28-abcdef Mon Nov 2").value() ==
        GoVersion{28, 0, true});
}

TEST_CASE("what names no version of Go 1 is refused") {
  for (const char* text : {"devel +0123456789", "devel", "go2.1"})
    CHECK(GoVersion::parse(text).error().code() == Errc::kUnsupported);
  for (const char* text :
       {"", "go", "1.26.8", "go1", "go1.", "go1.x", "go1.26.", "go-1.26",
        "go1.-2", "go1.99999999999999999999", "gopher"})
    CHECK(GoVersion::parse(text).error().code() == Errc::kCorrupt);
}

TEST_CASE("a refusal shows hostile text harmlessly") {
  const std::string text = "go\n\x1b[31m" + std::string(5000, 'x');
  const std::string message = GoVersion::parse(text).error().message();
  CHECK(message.size() < 200);
  CHECK(message.find('\n') == message.npos);
  CHECK(message.find('\x1b') == message.npos);
}

TEST_CASE("the table fills each field that a version has") {
  // Of 1.18 also g.parentGoid and _func.startLine.
  CHECK(count_absent(table(18, 0)) == 6);
  CHECK_FALSE(GoLayout::has(table(19, 13).func.start_line));
  CHECK(GoLayout::has(table(20, 0).func.start_line));
  // Of 1.21: g.sleepWhen, g.syncGroup, hchan.timer, the second free count.
  CHECK(count_absent(table(21, 0)) == 4);
  CHECK(count_absent(table(27, 0)) == 0);
  CHECK_FALSE(GoLayout::has(table(22, 0).g.sleep_when));
  CHECK(GoLayout::has(table(23, 0).g.sleep_when));
  CHECK_FALSE(GoLayout::has(table(24, 0).schedt.free_no_stack_n));
  CHECK(GoLayout::has(table(25, 0).schedt.free_no_stack_n));
}

TEST_CASE("each layout of the table lies inside of its structs") {
  for (int minor = 18; minor <= 27; minor++) {
    const GoLayout at = table(minor, 0);
    CAPTURE(minor);
    CHECK(at.source == "table go1." + std::to_string(minor) + ".0");
    for (const std::uint32_t offset :
         {at.g.goid, at.g.waiting, at.g.tracking_seq, at.g.labels})
      CHECK(offset < at.g.size);
    CHECK(at.g.tracking_seq > at.g.waitreason);
    CHECK(at.p.free_n < at.p.size);
    CHECK(at.schedt.free_n < at.schedt.size);
    CHECK(at.schedt.goidgen == 0);
    CHECK(at.sudog.c < at.sudog.size);
    CHECK(at.g.size % 8 == 0);
  }
}

TEST_CASE("a version outside the table is refused with the range") {
  for (const GoVersion version :
       {GoVersion{17, 13}, GoVersion{28, 0}, GoVersion{26, 99}}) {
    const auto layout = layout_from_table(version);
    REQUIRE_FALSE(layout);
    CHECK(layout.error().code() == Errc::kUnsupported);
    CHECK(layout.error().message().find("1.18.0 to 1.18.10") !=
          std::string::npos);
    CHECK(layout.error().message().find("Go " + version.text()) !=
          std::string::npos);
  }
}

TEST_CASE("a binary without debug information takes the table") {
  const TestElf file = ElfBuilder().build();
  CHECK(layout_from_dwarf(file.fd(), {26, 8}).error().code() ==
        Errc::kNotFound);
  CHECK(find_layout(file.fd(), {26, 8}).value().source == "table go1.26.0");
}

TEST_CASE("debug information of C alone does not count as Go's") {
  const Fd self(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  CHECK(layout_from_dwarf(self.get(), {26, 8}).error().code() ==
        Errc::kNotFound);
}

TEST_CASE("a version newer than the table wants debug information") {
  const TestElf file = ElfBuilder().build();
  CHECK(newer_than_table({28, 0}));
  CHECK_FALSE(newer_than_table({27, 99}));
  CHECK(layout_from_dwarf(file.fd(), {28, 0}).error().code() ==
        Errc::kNotFound);
  CHECK(find_layout(file.fd(), {28, 0}).error().code() == Errc::kUnsupported);
}

TEST_CASE("a version older than the table is refused before its DWARF") {
  const TestElf file = ElfBuilder().build();
  CHECK(layout_from_dwarf(file.fd(), {17, 0}).error().code() ==
        Errc::kUnsupported);
}
