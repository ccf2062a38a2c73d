// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Capstone, opened for x86-64 with operand details, and its rules of
// ownership. Comes in: the code of one function; each of its instructions is
// handed on, and lives only as long as that call.
#pragma once

#include <capstone.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/fd.h"
#include "base/result.h"
#include "base/strong.h"

namespace taskleak {

inline void free_instruction(cs_insn* raw) { cs_free(raw, 1); }

class Disassembler {
 public:
  static Result<Disassembler> open();
  Disassembler(Disassembler&& other) noexcept
      : handle_(std::exchange(other.handle_, 0)), raw_(std::move(other.raw_)) {}
  Disassembler& operator=(Disassembler&&) = delete;
  ~Disassembler() {
    raw_.reset();
    if (handle_ != 0) cs_close(&handle_);
  }

  csh handle() const { return handle_; }
  /// Calls `each` with every instruction of `code`, linked at `entry`.
  /// kCorrupt: bytes that do not decode.
  template <class Each>
  Status walk(std::span<const std::byte> code, Addr entry,
              const Each& each) const {
    const auto* at = reinterpret_cast<const std::uint8_t*>(code.data());
    std::size_t left = code.size();
    std::uint64_t address = entry.value;
    while (left > 0) {
      if (!cs_disasm_iter(handle_, &at, &left, &address, raw_.get()))
        return fail(Errc::kCorrupt, "its code does not decode", address);
      each(static_cast<const cs_insn&>(*raw_));
    }
    return {};
  }

 private:
  Disassembler() = default;
  csh handle_ = 0;
  std::unique_ptr<cs_insn, Call<free_instruction>> raw_;
};

/// The target of a direct jump or call.
std::optional<std::uint64_t> direct_target(csh handle, const cs_insn& raw);

}  // namespace taskleak
