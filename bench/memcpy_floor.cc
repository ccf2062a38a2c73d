// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// How long this machine takes to copy a number of bytes that are its own: the
// floor under reading the same bytes of another process. Both buffers have been
// touched before, and are larger than any cache by the caller's choice of size.
// In: bytes, rounds. Out: one line of JSON.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

int main(int argc, char** argv) {
  const std::size_t bytes = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 0;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
  if (bytes == 0 || rounds <= 0) {
    std::fputs("usage: memcpy_floor BYTES [ROUNDS]\n", stderr);
    return 2;
  }
  const std::vector<char> from(bytes, 1);
  std::vector<char> into(bytes, 2);
  std::vector<double> seconds;
  for (int i = 0; i < rounds; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    std::memcpy(into.data(), from.data(), bytes);
    seconds.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
            .count());
    // The copy is looked at, so that it cannot be left out.
    if (into[bytes / 2] != 1) return 1;
  }
  fmt::print("{{\"bytes\":{},\"seconds\":[{:.6f}]}}\n", bytes,
             fmt::join(seconds, ","));
  return 0;
}
