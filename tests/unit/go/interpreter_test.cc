// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Functions as literal bytes, run over a made-up memory: the count that Go's
// compiler really emits, each instruction's meaning, and what must be refused.
#include "probes/interpreter.h"

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "tests/unit/fake_memory.h"

using namespace taskleak;

namespace {

constexpr Addr kEntry{0x401000};
constexpr std::uint64_t kData = 0x500000;

struct Code {
  std::vector<std::byte> bytes;
  Code(std::initializer_list<int> list) {
    for (const int b : list) bytes.push_back(static_cast<std::byte>(b));
  }
};

Result<std::uint64_t> run(const Code& code, const FakeMemory& memory = {},
                          std::optional<std::uint64_t> argument = {}) {
  return interpret(memory, {kEntry, code.bytes}, argument);
}

Errc refused(const Code& code, std::string_view words = {}) {
  const auto result = run(code, {}, kData);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().message().find(words) != std::string::npos);
  return result.error().code();
}

}  // namespace

TEST_CASE("the count of Go 1.27 adds up what the memory holds") {
  // runtime/pprof.countGoroutine, its variables moved to kData.
  const Code code = {
      0x90,                                      // nop
      0x48, 0x8b, 0x0d, 0xf8, 0xef, 0x0f, 0x00,  // mov rcx, [allglen]
      0x8b, 0x15, 0xfa, 0xef, 0x0f, 0x00,        // mov edx, [sched.gFree]
      0x29, 0xd1,                                // sub ecx, edx
      0x48, 0x8b, 0x15, 0xf9, 0xef, 0x0f, 0x00,  // mov rdx, [allp]
      0x48, 0x8b, 0x1d, 0xfa, 0xef, 0x0f, 0x00,  // mov rbx, [allp.len]
      0x31, 0xf6,                                // xor esi, esi
      0xeb, 0x0f,                                // jmp test
      0x48, 0x8b, 0x3c, 0xf2,                    // loop: mov rdi, [rdx+rsi*8]
      0x8b, 0xbf, 0xa8, 0x09, 0x00, 0x00,        // mov edi, [rdi+0x9a8]
      0x29, 0xf9,                                // sub ecx, edi
      0x48, 0xff, 0xc6,                          // inc rsi
      0x48, 0x39, 0xde,                          // test: cmp rsi, rbx
      0x7c, 0xec,                                // jl loop
      0x85, 0xc9,                                // test ecx, ecx
      0xba, 0x01, 0x00, 0x00, 0x00,              // mov edx, 1
      0x0f, 0x4e, 0xca,                          // cmovle ecx, edx
      0x48, 0x63, 0xc1,                          // movsxd rax, ecx
      0xc3,                                      // ret
  };
  FakeMemory memory;
  memory.set_value(Addr{kData}, std::uint64_t{100});     // allglen
  memory.set_value(Addr{kData + 8}, std::uint32_t{20});  // sched.gFree
  memory.set_value(Addr{kData + 16}, std::uint64_t{0x600000});
  memory.set_value(Addr{kData + 24}, std::uint64_t{2});
  const std::uint64_t processors[] = {0x700000, 0x710000};
  memory.set_value(Addr{0x600000}, processors);
  memory.set_value(Addr{0x7009a8}, std::uint32_t{5});
  memory.set_value(Addr{0x7109a8}, std::uint32_t{7});
  CHECK(run(code, memory).value() == 68);
  SUBCASE("and it is never less than one") {
    memory.set_value(Addr{kData}, std::uint64_t{3});
    CHECK(run(code, memory).value() == 1);
  }
  SUBCASE("memory that is not there is a fault, never a number") {
    const std::uint64_t gone[] = {0x700000, 0x990000};
    memory.set_value(Addr{0x600000}, gone);
    CHECK(run(code, memory).error().code() == Errc::kFault);
  }
  SUBCASE("a list that is absurdly long ends") {
    memory.set_zero(Addr{0x600000}, 1 << 20);
    memory.set_zero(Addr{0}, 0x1000);
    memory.set_value(Addr{kData + 24}, std::uint64_t{1} << 40);
    CHECK_FALSE(run(code, memory).has_value());
  }
}

TEST_CASE("conditions follow the flags of each width") {
  // cmp eax, imm32; mov eax, 0; jCC +5; mov eax... : 1 when CC holds.
  const auto holds = [](int jump, std::uint64_t value, int against) {
    const Code code = {0x83, 0xf8, against,              // cmp eax, against
                       0xb8, 0x01, 0x00,    0x00, 0x00,  // mov eax, 1
                       jump, 0x05,                       // jCC end
                       0xb8, 0x00, 0x00,    0x00, 0x00,  // mov eax, 0
                       0xc3};
    return run(code, {}, value).value() == 1;
  };
  CHECK(holds(0x7c, 0xffffffff, 1));        // jl: -1 < 1
  CHECK_FALSE(holds(0x72, 0xffffffff, 1));  // jb
  CHECK(holds(0x77, 0xffffffff, 1));        // ja
  CHECK(holds(0x7e, 1, 1));                 // jle
  CHECK(holds(0x74, 5, 5));                 // je
  CHECK(holds(0x75, 5, 6));                 // jne
  CHECK(holds(0x70, 0x80000000, 1));        // jo: the smallest less one
  CHECK(holds(0x7c, 0x80000000, 1));        // jl, in spite of it
  CHECK(holds(0x7f, 7, 6));                 // jg
  CHECK(holds(0x79, 7, 6));                 // jns
  CHECK(holds(0x73, 7, 7));                 // jae
}

TEST_CASE("its stack is its own, and gives back what was put there") {
  const Code code = {
      0x55,  // push rbp: never set
      0xc3,
  };
  CHECK(refused(code, "not known") == Errc::kUnsupported);
  const Code spill = {
      0x48, 0x83, 0xec, 0x10,        // sub rsp, 0x10
      0x48, 0x89, 0x44, 0x24, 0x08,  // mov [rsp+8], rax
      0x31, 0xc0,                    // xor eax, eax
      0x48, 0x8b, 0x44, 0x24, 0x08,  // mov rax, [rsp+8]
      0x48, 0x83, 0xc4, 0x10, 0xc3,  // add rsp, 0x10; ret
  };
  CHECK(run(spill, {}, 77).value() == 77);
}

TEST_CASE("a store anywhere else is refused") {
  CHECK(refused({0x48, 0x89, 0x00, 0xc3}, "store") ==  // mov [rax], rax
        Errc::kUnsupported);
  // add [rax], eax reads memory first.
  FakeMemory memory;
  memory.set_value(Addr{kData}, std::uint64_t{1});
  const auto result = run({0x01, 0x00, 0xc3}, memory, kData);
  REQUIRE_FALSE(result);
  CHECK(result.error().message().find("store") != std::string::npos);
  // Below its frame, and above where it was called.
  CHECK(refused({0x48, 0x89, 0x84, 0x24, 0x00, 0xf0, 0xff, 0xff, 0xc3},
                "store") == Errc::kUnsupported);
  CHECK(refused({0x48, 0x89, 0x44, 0x24, 0x08, 0xc3}, "store") ==
        Errc::kUnsupported);
}

TEST_CASE("what has no value is not used") {
  CHECK(refused({0x48, 0x89, 0xd8, 0xc3}, "never set") ==  // mov rax, rbx
        Errc::kUnsupported);
  CHECK(refused({0x49, 0x3b, 0x66, 0x10, 0xc3}, "never set") ==  // [r14+16]
        Errc::kUnsupported);
  CHECK(refused({0x7c, 0x00, 0xc3}, "condition") == Errc::kUnsupported);
  CHECK(refused({0x48, 0x8b, 0x44, 0x24, 0xf8, 0xc3}, "never set") ==
        Errc::kUnsupported);             // mov rax, [rsp-8]
  CHECK_FALSE(run({0xc3}).has_value());  // returns an AX that nobody set
}

TEST_CASE("inc leaves the carry as it was: unknown here") {
  CHECK(refused({0xff, 0xc0, 0x72, 0x00, 0xc3}, "condition") ==
        Errc::kUnsupported);  // inc eax; jb
}

TEST_CASE("what leaves the function or its ways is refused") {
  CHECK(refused({0xe8, 0x00, 0x00, 0x00, 0x00, 0xc3}) ==  // call
        Errc::kUnsupported);
  CHECK(refused({0xff, 0xe0}) == Errc::kUnsupported);  // jmp rax
  CHECK(refused({0xeb, 0x10, 0xc3}, "out of") == Errc::kUnsupported);
  CHECK(refused({0xeb, 0xff, 0xc3}) == Errc::kUnsupported);  // into itself
  CHECK(refused({0x90}, "end") == Errc::kUnsupported);
  CHECK(refused({0x0f, 0x05, 0xc3}) == Errc::kUnsupported);  // syscall
  CHECK(refused({0xf0, 0x0f, 0xc1, 0x00, 0xc3}) ==  // lock xadd [rax], eax
        Errc::kUnsupported);
  CHECK(refused({0x64, 0x48, 0x8b, 0x00, 0xc3}, "segment") ==
        Errc::kUnsupported);                           // mov rax, fs:[rax]
  CHECK(refused({0x50, 0xc3}) == Errc::kUnsupported);  // push rax
  CHECK(refused({0x48, 0x83, 0xec, 0x08, 0xc3}, "another stack") ==
        Errc::kUnsupported);
  CHECK(refused({0x06}, "decode") == Errc::kUnsupported);
  CHECK(refused({}) == Errc::kUnsupported);
}

TEST_CASE("an endless loop ends, a huge function is not begun") {
  CHECK(refused({0xeb, 0xfe}, "steps") == Errc::kLimit);
  Code huge = {};
  huge.bytes.resize(kMaxInterpretedBytes + 1, std::byte{0x90});
  CHECK(refused(huge) == Errc::kLimit);
}
