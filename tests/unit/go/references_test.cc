// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// What code says about the data that it refers to: each way of access, through
// registers too, and where a register can no longer be followed.
#include "probes/references.h"

#include <doctest/doctest.h>

#include <string>

using namespace taskleak;

namespace {

constexpr std::uint64_t kEntry = 0x401000;
/// lea rdx, [rip+0x100], 7 bytes
const std::string kLeaRdx("\x48\x8d\x15\x00\x01\x00\x00", 7);
constexpr Addr kFirst{kEntry + 7 + 0x100};

Result<std::vector<DataReference>> read(const std::string& code) {
  return find_references(std::as_bytes(std::span(code)), Addr{kEntry});
}

/// The one reference behind what kLeaRdx itself is.
DataReference second(const std::string& behind) {
  const auto found = read(kLeaRdx + behind).value();
  REQUIRE(found.size() == 2);
  CHECK(found[0].use == DataUse::kAddress);
  CHECK(found[0].at == kFirst);
  return found[1];
}

std::size_t count(const std::string& behind) {
  return read(kLeaRdx + behind).value().size();
}

}  // namespace

TEST_CASE("data named relative to the code: its address, use and width") {
  const auto only = [](const std::string& code) {
    const auto found = read(code).value();
    REQUIRE(found.size() == 1);
    CHECK(found[0].at == Addr{kEntry + code.size() + 0x100});
    return found[0];
  };
  using namespace std::string_literals;
  const auto load = only("\x48\x8b\x0d\x00\x01\x00\x00"s);  // mov rcx, [..]
  CHECK(load.use == DataUse::kLoad);
  CHECK(load.bytes == 8);
  CHECK(only("\x48\x89\x05\x00\x01\x00\x00"s).use == DataUse::kStore);
  CHECK(only("\x48\x39\x1d\x00\x01\x00\x00"s).use == DataUse::kCompare);
  const auto inc = only("\xff\x05\x00\x01\x00\x00"s);  // inc dword
  CHECK(inc.use == DataUse::kModify);
  CHECK(inc.bytes == 4);
  CHECK(only("\x01\x0d\x00\x01\x00\x00"s).use == DataUse::kModify);  // add [],
  CHECK(only("\x03\x0d\x00\x01\x00\x00"s).use == DataUse::kLoad);    // add ,[]
}

TEST_CASE("an address in a register is followed to where it is used") {
  const auto added = second("\xf0\x48\x0f\xc1\x0a");  // lock xadd [rdx], rcx
  CHECK(added.use == DataUse::kFetchAdd);
  CHECK(added.bytes == 8);
  CHECK(added.at == kFirst);
  const auto narrow = second("\xf0\x0f\xc1\x4a\x48");  // .. [rdx+0x48], ecx
  CHECK(narrow.bytes == 4);
  CHECK(narrow.at == kFirst + 0x48);
  CHECK(second("\x48\x87\x0a").use == DataUse::kSwap);  // xchg [rdx], rcx
}

TEST_CASE("an indexed or segmented access names no single place") {
  CHECK(count("\x48\x8b\x0c\xca") == 1);      // mov rcx, [rdx+rcx*8]
  CHECK(count("\x64\x48\x8b\x0a") == 1);      // mov rcx, fs:[rdx]
  CHECK(count("\x48\x8b\x4c\x24\x08") == 1);  // mov rcx, [rsp+8]
}

TEST_CASE("a register is no longer followed where it may hold another value") {
  const std::string swap = "\x48\x87\x0a";
  using namespace std::string_literals;
  CHECK(count("\xba\x01\x00\x00\x00"s + swap) == 1);  // mov edx, 1
  CHECK(count("\xb2\x01"s + swap) == 1);              // mov dl, 1
  CHECK(count("\xe8\x00\x10\x00\x00"s + swap) == 1);  // call: all are lost
  CHECK(count("\xeb\x00"s + swap) == 1);              // jmp to the next
  // Something further on jumps to the swap.
  CHECK(count(swap + "\xeb\xfb"s) == 1);
  CHECK(count("\x90"s + swap) == 2);  // nop
}

TEST_CASE("a call tells the function and the address it is given first") {
  using namespace std::string_literals;
  const auto found =
      read("\x48\x8d\x05\x00\x01\x00\x00\xe8\x00\x10\x00\x00"s).value();
  REQUIRE(found.size() == 2);
  CHECK(found[1].use == DataUse::kArgument);
  CHECK(found[1].at == kFirst);
  CHECK(found[1].callee == Addr{kEntry + 12 + 0x1000});
}

TEST_CASE("padding is no trouble, bytes that are no code are") {
  using namespace std::string_literals;
  CHECK(count("\xc3\xcc\xcc\xcc"s) == 1);
  CHECK(read("\x06"s).error().code() == Errc::kCorrupt);
  const std::string huge(kMaxReferringBytes + 1, '\x90');
  CHECK(read(huge).error().code() == Errc::kLimit);
  CHECK(read("").value().empty());
}

TEST_CASE("the constants that registers are compared with, each once") {
  // cmp al, 0x20; cmp rcx, 7; cmp al, 0x20; cmp qword [rip+0x100], 9
  const std::string code(
      "\x3c\x20\x48\x83\xf9\x07\x3c\x20\x48\x83\x3d\x00\x01\x00\x00\x09", 16);
  const auto found =
      compared_constants(std::as_bytes(std::span(code)), Addr{kEntry});
  CHECK(found.value() == std::vector<std::uint64_t>{7, 0x20});
}
