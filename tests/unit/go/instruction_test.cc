// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Functions as literal bytes: prologues that Go's compilers really emit, and
// what must be refused.
#include "probes/instruction.h"

#include <doctest/doctest.h>

#include <initializer_list>
#include <vector>

using namespace taskleak;

namespace {

constexpr Addr kEntry{0x401000};

std::vector<std::byte> code(std::initializer_list<int> bytes) {
  std::vector<std::byte> result;
  for (const int b : bytes) result.push_back(static_cast<std::byte>(b));
  return result;
}

Result<ProbePlace> place_in(std::initializer_list<int> bytes) {
  return find_probe_place(code(bytes), kEntry);
}

Errc refused(std::initializer_list<int> bytes) {
  const Result<ProbePlace> place = place_in(bytes);
  REQUIRE_FALSE(place.has_value());
  return place.error().code();
}

bool says(const Result<ProbePlace>& place, std::string_view words) {
  return !place && place.error().message().find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("behind the short stack check of 1.21 to 1.27 lies push rbp") {
  const Result<ProbePlace> place = place_in({
      0x49, 0x3b, 0x66, 0x10,        // cmp rsp, [r14+0x10]
      0x76, 0x06,                    // jbe slow
      0x55,                          // push rbp
      0x48, 0x89, 0xe5,              // mov rbp, rsp
      0x5d, 0xc3,                    // pop rbp; ret
      0x48, 0x89, 0x44, 0x24, 0x08,  // slow: mov [rsp+8], rax
      0xe8, 0x00, 0x10, 0x00, 0x00,  // call morestack
      0x48, 0x8b, 0x44, 0x24, 0x08,  // mov rax, [rsp+8]
      0xeb, 0xe3,                    // jmp entry
  });
  REQUIRE(place.has_value());
  CHECK(place->offset == 6);
  CHECK(place->bytes == std::vector<std::uint8_t>{0x55});
  CHECK(place->instruction == "push rbp");
}

TEST_CASE("a nop soon after the push is cheaper, as in gopark of 1.26") {
  const Result<ProbePlace> place = place_in({
      0x49, 0x3b, 0x66, 0x10,        // cmp rsp, [r14+0x10]
      0x76, 0x0f,                    // jbe slow
      0x55,                          // push rbp
      0x48, 0x89, 0xe5,              // mov rbp, rsp
      0x48, 0x83, 0xec, 0x10,        // sub rsp, 0x10
      0x49, 0x8b, 0x56, 0x30,        // mov rdx, [r14+0x30]
      0x90,                          // nop
      0x5d, 0xc3,                    // pop rbp; ret
      0xe8, 0x00, 0x10, 0x00, 0x00,  // slow: call morestack
      0xeb, 0xe4,                    // jmp entry
  });
  REQUIRE(place.has_value());
  CHECK(place->offset == 18);
  CHECK(place->instruction == "nop");
}

TEST_CASE("a nop behind a lost argument or a branch does not tempt") {
  const Result<ProbePlace> lost = place_in({
      0x55,  // push rbp
      0x31,
      0xc9,  // xor ecx, ecx
      0x90,
      0xc3,
  });
  REQUIRE(lost.has_value());
  CHECK(lost->offset == 0);
  const Result<ProbePlace> branch = place_in({0x55, 0x74, 0x01, 0x90, 0xc3});
  REQUIRE(branch.has_value());
  CHECK(branch->offset == 0);
}

TEST_CASE("the check of a big frame, by lea r12, is passed over too") {
  const Result<ProbePlace> place = place_in({
      0x4c, 0x8d, 0x64, 0x24, 0xd8,  // lea r12, [rsp-0x28]
      0x4d, 0x3b, 0x66, 0x10,        // cmp r12, [r14+0x10]
      0x76, 0x03,                    // jbe slow
      0x41, 0x57, 0xc3,              // push r15; ret
      0xe8, 0x00, 0x10, 0x00, 0x00,  // slow: call morestack
      0xeb, 0xeb,                    // jmp entry
  });
  REQUIRE(place.has_value());
  CHECK(place->offset == 11);
  CHECK(place->bytes == std::vector<std::uint8_t>{0x41, 0x57});
}

TEST_CASE("without a stack check an emulated first instruction is the place") {
  const Result<ProbePlace> place = place_in({0x55, 0x5d, 0xc3});
  REQUIRE(place.has_value());
  CHECK(place->offset == 0);
}

TEST_CASE("what leaves the arguments alone may come before the place") {
  const Result<ProbePlace> place = place_in({
      0x48,
      0x83,
      0xec,
      0x10,  // sub rsp, 0x10
      0x48,
      0x89,
      0x44,
      0x24,
      0x08,  // mov [rsp+8], rax
      0x90,  // nop
      0xc3,
  });
  REQUIRE(place.has_value());
  CHECK(place->offset == 9);
}

TEST_CASE("no emulated instruction before an argument is overwritten") {
  const Result<ProbePlace> place = place_in({
      0x31, 0xc0,  // xor eax, eax
      0x55, 0xc3,  // push rbp; ret
  });
  CHECK(says(place, "xor eax, eax"));
  CHECK(refused({0x4c, 0x8b, 0x71, 0x08, 0x55, 0xc3}) ==  // mov r14, [rcx+8]
        Errc::kUnsupported);
}

TEST_CASE("behind a branch not every call passes, on it each does") {
  CHECK(place_in({0x74, 0x01, 0x55, 0xc3})->offset == 0);  // je
  CHECK(place_in({0x0f, 0x84, 0, 0, 0, 0, 0x55, 0xc3})->offset == 0);
  CHECK(says(place_in({0xc3, 0x55}), "miss"));
  CHECK(refused({0xc3, 0x55}) == Errc::kUnsupported);  // ret
}

TEST_CASE("only so far behind the check does it look") {
  std::vector<std::byte> bytes;
  for (int i = 0; i < kMaxPrologueInstructions; ++i)
    for (const int b : {0x48, 0x83, 0xec, 0x10})  // sub rsp, 0x10
      bytes.push_back(static_cast<std::byte>(b));
  bytes.push_back(std::byte{0x55});
  CHECK(says(find_probe_place(bytes, kEntry), "none of the first"));
}

TEST_CASE("the first branch of a function without push, as in 1.18 to 1.20") {
  const std::vector<std::byte> bytes = code({
      0x49, 0x3b, 0x66, 0x10,        // cmp rsp, [r14+0x10]
      0x76, 0x18,                    // jbe slow
      0x48, 0x83, 0xec, 0x38,        // sub rsp, 0x38
      0x48, 0x89, 0x6c, 0x24, 0x30,  // mov [rsp+0x30], rbp
      0xbb, 0x02, 0x00, 0x00, 0x00,  // mov ebx, 2
      0xe8, 0x00, 0x10, 0x00, 0x00,  // call casgstatus
      0x48, 0x83, 0xc4, 0x38, 0xc3,  // add rsp, 0x38; ret
      0xe8, 0x00, 0x10, 0x00, 0x00,  // slow: call morestack
      0xeb, 0xdb,                    // jmp entry
  });
  const Result<ProbePlace> place = find_probe_place(bytes, kEntry, kProbeAx);
  REQUIRE(place.has_value());
  CHECK(place->offset == 20);
  CHECK(place->instruction.starts_with("call"));
  // Whoever needs BX comes too late there.
  CHECK(says(find_probe_place(bytes, kEntry, kProbeBx), "mov ebx, 2"));
}

TEST_CASE("a place that a loop leads to again counts too often") {
  CHECK(says(place_in({
                 0x49,
                 0x3b,
                 0x66,
                 0x10,  // cmp rsp, [r14+0x10]
                 0x76,
                 0x03,  // jbe slow
                 0x55,  // push rbp
                 0xeb,
                 0xfd,  // jmp to the push
                 0xe8,
                 0x00,
                 0x10,
                 0x00,
                 0x00,
                 0xeb,
                 0xf0,
             }),
             "again"));
  CHECK(says(place_in({0x55, 0x75, 0xfd, 0xc3}), "again"));  // jne entry
}

TEST_CASE("a loop through the entry is no growing of the stack") {
  CHECK(says(place_in({
                 0x49, 0x3b, 0x66, 0x10,        // cmp rsp, [r14+0x10]
                 0x76, 0x04,                    // jbe slow
                 0x55, 0x5d,                    // push rbp; pop rbp
                 0xeb, 0xf6,                    // jmp entry, of the body
                 0xe8, 0x00, 0x10, 0x00, 0x00,  // slow: call morestack
                 0xeb, 0xef,                    // jmp entry
             }),
             "again"));
}

TEST_CASE("a function that calls itself is still passed once a call") {
  CHECK(place_in({0x55, 0xe8, 0xfa, 0xff, 0xff, 0xff, 0x5d, 0xc3}));
}

TEST_CASE("an indirect jump may lead anywhere") {
  CHECK(says(place_in({0x55, 0xff, 0xe2}), "anywhere"));  // jmp rdx
}

TEST_CASE("bytes that do not decode or end in mid-instruction are corrupt") {
  CHECK(refused({0x55, 0x06}) == Errc::kCorrupt);
  CHECK(refused({0x55, 0x48, 0x89}) == Errc::kCorrupt);
}

TEST_CASE("an empty or an endless function is refused") {
  CHECK(refused({}) == Errc::kUnsupported);
  const std::vector<std::byte> nops(kMaxFunctionBytes + 1, std::byte{0x90});
  const Result<ProbePlace> place = find_probe_place(nops, kEntry);
  REQUIRE_FALSE(place.has_value());
  CHECK(place.error().code() == Errc::kLimit);
}
