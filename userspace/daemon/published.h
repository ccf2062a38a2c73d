// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The one object that the collector and the server share: an immutable value,
// replaced as a whole. Readers keep what they got for as long as they need it.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

namespace taskleak {

template <class T>
class Published {
 public:
  Published() : current_(std::make_shared<const T>()) {}
  /// The newest value; never null.
  std::shared_ptr<const T> get() const { return current_.load(); }
  void set(T value) {
    current_.store(std::make_shared<const T>(std::move(value)));
  }

 private:
  std::atomic<std::shared_ptr<const T>> current_;
};

}  // namespace taskleak
