// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Functions of Go's runtime by name: from the symbol table where the file has
// one, else from Go's own line table, which no stripping takes away.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>

#include "probes/go/image.h"
#include "probes/go/pclntab.h"

namespace taskleak {

/// Code of one function.
struct FunctionCode {
  Addr entry;              ///< linked
  std::uint64_t size = 0;  ///< by the line table: with the padding behind it
};

/// How probes and rules ask for a function of this exact name.
using FindFunction =
    std::function<std::optional<FunctionCode>(std::string_view)>;

class GoFunctions {
 public:
  /// Both outlive it.
  GoFunctions(const Image& image, const Pclntab& table);

  /// Nothing when there is none, or when two have the name.
  std::optional<FunctionCode> find(std::string_view name) const;
  /// Its bytes in the file.
  Result<std::span<const std::byte>> code(const FunctionCode& function) const;
  /// "symbols" or "pclntab".
  const char* source() const;

 private:
  static constexpr std::size_t kAmbiguous = ~std::size_t{0};
  const Image& image_;
  const Pclntab& table_;
  std::unordered_map<std::string_view, std::size_t> by_name_;
};

}  // namespace taskleak
