// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// A program that looks like Go to the probes and needs no Go: functions with
// the runtime's names, prologue and register use, and structs with a g's
// fields. Reads a number from stdin and makes so many goroutines in each of its
// threads live once: created, parked, readied, ended; -1: until another number
// comes. Answers "done" with the total of the waits that it saw itself; ends at
// end of file.
#include "tests/kernels/probe_target.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <thread>
#include <vector>

asm(R"(
  .macro go_function name
  .globl "\name"
  .type "\name", @function
"\name":
  cmp 0x10(%r14), %rsp
  jbe 1f
  push %rbp
  mov %rsp, %rbp
  pop %rbp
  ret
1:
  call taskleak_morestack
  jmp "\name"
  .size "\name", . - "\name"
  .endm

  .text
taskleak_morestack:
  ud2
  go_function runtime.newproc1
  go_function runtime.gdestroy
  go_function runtime.gopark
  go_function runtime.ready

  .globl call_go
  .type call_go, @function
call_go:  # function, ax, cx, g
  push %r14
  mov %rsi, %rax
  mov %rcx, %r14
  mov %rdx, %rcx
  call *%rdi
  pop %r14
  ret
  .size call_go, . - call_go
)");

extern "C" void call_go(void (*function)(), const void* ax, std::uint64_t cx,
                        const void* g);
void newproc1() asm("runtime.newproc1");
void gdestroy() asm("runtime.gdestroy");
void gopark() asm("runtime.gopark");
void ready() asm("runtime.ready");

using namespace taskleak;

namespace {

std::atomic<std::uint64_t> waited_ns{0};
std::atomic<bool> stop{false};

std::uint64_t now_ns() {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(
          std::chrono::steady_clock::now().time_since_epoch())
          .count());
}

void live(std::vector<TestG>& gs, int lives) {
  for (std::size_t i = 0;
       lives < 0 ? !stop : i < static_cast<std::size_t>(lives); ++i) {
    TestG& g = gs[i % gs.size()];
    call_go(newproc1, nullptr, g.gopc(), &g);
    const std::uint64_t begin = now_ns();
    call_go(gopark, nullptr, kTestReason, &g);
    g.leave_running();
    call_go(ready, &g, 0, &g);
    waited_ns += now_ns() - begin;
    call_go(gdestroy, &g, 0, &g);
  }
}

}  // namespace

int main() {
  std::array<std::vector<TestG>, kTestThreads> gs;
  std::uint64_t goid = 1;
  for (auto& of_thread : gs)
    for (int i = 0; i < kTestGsPerThread; ++i, ++goid)
      of_thread.emplace_back(goid, kTestFirstPc + goid % kTestSites);
  std::printf("ready %p\n", static_cast<void*>(gs[0].data()));
  std::fflush(stdout);
  for (int lives = 0; std::scanf("%d", &lives) == 1;) {
    waited_ns = 0;
    stop = false;
    std::vector<std::thread> threads;
    for (auto& of_thread : gs)
      threads.emplace_back(live, std::ref(of_thread), lives);
    if (int ignored = 0; lives < 0) {
      stop = std::scanf("%d", &ignored) <= 1;  // a number or the end of file
    }
    for (std::thread& thread : threads) thread.join();
    std::printf("done %llu\n",
                static_cast<unsigned long long>(waited_ns.load()));
    std::fflush(stdout);
  }
}
