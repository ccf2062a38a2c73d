// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Owners of raw handles: a file descriptor, and a deleter that makes any C
// destroy function the deleter of a unique_ptr in one line.
#pragma once

#include <unistd.h>

#include <utility>

namespace taskleak {

/// Owns one file descriptor. Move-only; closes on destruction.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  /// The raw descriptor, -1 when empty; stays owned here.
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  /// Gives up ownership.
  int release() { return std::exchange(fd_, -1); }
  void reset() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

/// `using LinkPtr = std::unique_ptr<bpf_link, Call<bpf_link__destroy>>;`
template <auto kFunction>
struct Call {
  template <class T>
  void operator()(T* handle) const {
    kFunction(handle);
  }
};

}  // namespace taskleak
