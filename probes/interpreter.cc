// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Decodes the whole function (Capstone), then steps through it. The few
// instructions that are known are those of integer arithmetic over memory; a
// register, a flag or a byte of the stack has a value only once it was set.
#include "probes/interpreter.h"

#include <capstone.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <utility>
#include <vector>

#include "base/fd.h"

namespace taskleak {
namespace {

// The stack lies where no process of x86-64 Linux has memory of its own.
constexpr std::uint64_t kStackLow = 0xffffd00000000000;
constexpr std::uint64_t kStackTop = kStackLow + kInterpretedStackBytes - 8;

constexpr std::size_t kRegisters = 16;
constexpr std::size_t kAx = 0, kSp = 4;
/// By size: 8, 4, 2 and 1 bytes; the numbers of the machine's own encoding.
constexpr x86_reg kNames[4][kRegisters] = {
    {X86_REG_RAX, X86_REG_RCX, X86_REG_RDX, X86_REG_RBX, X86_REG_RSP,
     X86_REG_RBP, X86_REG_RSI, X86_REG_RDI, X86_REG_R8, X86_REG_R9, X86_REG_R10,
     X86_REG_R11, X86_REG_R12, X86_REG_R13, X86_REG_R14, X86_REG_R15},
    {X86_REG_EAX, X86_REG_ECX, X86_REG_EDX, X86_REG_EBX, X86_REG_ESP,
     X86_REG_EBP, X86_REG_ESI, X86_REG_EDI, X86_REG_R8D, X86_REG_R9D,
     X86_REG_R10D, X86_REG_R11D, X86_REG_R12D, X86_REG_R13D, X86_REG_R14D,
     X86_REG_R15D},
    {X86_REG_AX, X86_REG_CX, X86_REG_DX, X86_REG_BX, X86_REG_SP, X86_REG_BP,
     X86_REG_SI, X86_REG_DI, X86_REG_R8W, X86_REG_R9W, X86_REG_R10W,
     X86_REG_R11W, X86_REG_R12W, X86_REG_R13W, X86_REG_R14W, X86_REG_R15W},
    {X86_REG_AL, X86_REG_CL, X86_REG_DL, X86_REG_BL, X86_REG_SPL, X86_REG_BPL,
     X86_REG_SIL, X86_REG_DIL, X86_REG_R8B, X86_REG_R9B, X86_REG_R10B,
     X86_REG_R11B, X86_REG_R12B, X86_REG_R13B, X86_REG_R14B, X86_REG_R15B}};

std::optional<std::size_t> register_index(x86_reg name) {
  for (const auto& names : kNames)
    for (std::size_t i = 0; i < kRegisters; ++i)
      if (names[i] == name) return i;
  return std::nullopt;
}

std::uint64_t cut(std::uint64_t value, unsigned bytes) {
  return bytes >= 8 ? value : value & ((std::uint64_t{1} << (bytes * 8)) - 1);
}

std::uint64_t sign_extended(std::uint64_t value, unsigned bytes) {
  const unsigned shift = 64 - bytes * 8;
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(value << shift) >>
                                    shift);
}

bool negative(std::uint64_t value, unsigned bytes) {
  return (value >> (bytes * 8 - 1) & 1) != 0;
}

struct Flags {
  bool known = false;
  bool carry_known = false;  ///< inc and dec leave the carry as it was
  bool zero = false, sign = false, carry = false, overflow = false;
};

struct FreeInstructions {
  std::size_t count = 0;
  void operator()(cs_insn* list) const { cs_free(list, count); }
};
using Instructions = std::unique_ptr<cs_insn, FreeInstructions>;

class Machine {
 public:
  Machine(const MemoryReader& memory, csh handle, std::span<const cs_insn> code)
      : memory_(memory), handle_(handle), code_(code) {}

  Result<std::uint64_t> run(std::optional<std::uint64_t> argument);

 private:
  Status step(const cs_insn& at);
  Status arithmetic(const cs_insn& at);
  Status move(const cs_insn& at);
  Status flow(const cs_insn& at);
  Result<bool> holds(const cs_insn& at) const;
  Status jump(std::uint64_t target);

  Result<std::uint64_t> load(const cs_insn& at, const cs_x86_op& from) const;
  Status store(const cs_insn& at, const cs_x86_op& to, std::uint64_t value);
  Result<std::uint64_t> address(const cs_insn& at, const cs_x86_op& op) const;
  Result<std::uint64_t> value_of(const cs_insn& at, x86_reg name) const;
  Result<std::uint64_t> read(std::uint64_t from, unsigned bytes) const;
  Status write(const cs_insn& at, std::uint64_t to, unsigned bytes,
               std::uint64_t value);

  static std::unexpected<Error> refuse(const cs_insn& at, const char* why) {
    return fail(Errc::kUnsupported,
                fmt::format("`{} {}`: {}", at.mnemonic, at.op_str, why),
                at.address);
  }
  static bool on_stack(std::uint64_t at, unsigned bytes) {
    return at >= kStackLow && at - kStackLow <= kInterpretedStackBytes - bytes;
  }

  const MemoryReader& memory_;
  csh handle_;
  std::span<const cs_insn> code_;
  std::array<std::optional<std::uint64_t>, kRegisters> registers_{};
  std::array<std::optional<std::uint8_t>, kInterpretedStackBytes> stack_{};
  Flags flags_;
  std::size_t next_ = 0;  ///< index of the next instruction
  bool done_ = false;
};

Result<std::uint64_t> Machine::value_of(const cs_insn& at, x86_reg name) const {
  const auto index = register_index(name);
  if (!index) return refuse(at, "a register that is not known");
  if (!registers_[*index]) return refuse(at, "reads a register never set");
  return *registers_[*index];
}

Result<std::uint64_t> Machine::address(const cs_insn& at,
                                       const cs_x86_op& op) const {
  if (op.mem.segment != X86_REG_INVALID)
    return refuse(at, "an address in a segment");
  std::uint64_t sum = static_cast<std::uint64_t>(op.mem.disp);
  if (op.mem.base == X86_REG_RIP) {
    sum += at.address + at.size;
  } else if (op.mem.base != X86_REG_INVALID) {
    TRY(const std::uint64_t base, value_of(at, op.mem.base));
    sum += base;
  }
  if (op.mem.index != X86_REG_INVALID) {
    TRY(const std::uint64_t index, value_of(at, op.mem.index));
    sum += index * static_cast<std::uint64_t>(op.mem.scale);
  }
  return at.detail->x86.addr_size == 8 ? Result<std::uint64_t>(sum)
                                       : refuse(at, "an address of 32 bits");
}

Result<std::uint64_t> Machine::read(std::uint64_t from, unsigned bytes) const {
  std::array<std::byte, 8> raw{};
  if (on_stack(from, bytes)) {
    for (unsigned i = 0; i < bytes; ++i) {
      const auto& byte = stack_[from - kStackLow + i];
      if (!byte)
        return fail(Errc::kUnsupported, "reads of its stack what it never set",
                    from);
      raw[i] = std::byte{*byte};
    }
  } else {
    TRY(memory_.read(Addr{from}, std::span(raw).first(bytes)));
  }
  return Record(raw).u64(0);
}

Status Machine::write(const cs_insn& at, std::uint64_t to, unsigned bytes,
                      std::uint64_t value) {
  if (!on_stack(to, bytes)) return refuse(at, "a store outside of its stack");
  for (unsigned i = 0; i < bytes; ++i)
    stack_[to - kStackLow + i] = static_cast<std::uint8_t>(value >> (8 * i));
  return {};
}

Result<std::uint64_t> Machine::load(const cs_insn& at,
                                    const cs_x86_op& from) const {
  if (from.type == X86_OP_IMM)
    return cut(static_cast<std::uint64_t>(from.imm), from.size);
  if (from.type == X86_OP_REG) {
    TRY(const std::uint64_t value, value_of(at, from.reg));
    return cut(value, from.size);
  }
  if (!std::has_single_bit(from.size) || from.size > 8)
    return refuse(at, "an operand of an odd size");
  TRY(const std::uint64_t where, address(at, from));
  return read(where, from.size);
}

Status Machine::store(const cs_insn& at, const cs_x86_op& to,
                      std::uint64_t value) {
  if (to.type == X86_OP_MEM) {
    if (!std::has_single_bit(to.size) || to.size > 8)
      return refuse(at, "an operand of an odd size");
    TRY(const std::uint64_t where, address(at, to));
    return write(at, where, to.size, value);
  }
  const auto index = register_index(to.reg);
  if (!index) return refuse(at, "a register that is not known");
  // Four bytes clear the upper half, fewer leave the rest.
  if (to.size < 4) {
    TRY(const std::uint64_t old, value_of(at, to.reg));
    value = (old & ~cut(~std::uint64_t{0}, to.size)) | cut(value, to.size);
  }
  registers_[*index] = to.size == 4 ? cut(value, 4) : value;
  return {};
}

Status Machine::arithmetic(const cs_insn& at) {
  const cs_x86& x86 = at.detail->x86;
  const cs_x86_op& to = x86.operands[0];
  const unsigned bytes = to.size;
  const bool one = at.id == X86_INS_INC || at.id == X86_INS_DEC;
  // xor of a register with itself clears it, whatever it held.
  const bool clears = at.id == X86_INS_XOR && to.type == X86_OP_REG &&
                      x86.operands[1].type == X86_OP_REG &&
                      to.reg == x86.operands[1].reg;
  std::uint64_t a = 0;
  std::uint64_t b = one ? 1 : 0;
  if (!clears) {
    TRY(a, load(at, to));
  }
  if (!clears && !one) {
    TRY(b, load(at, x86.operands[1]));
  }
  b = cut(b, bytes);
  const bool adds = at.id == X86_INS_ADD || at.id == X86_INS_INC;
  const bool subtracts =
      at.id == X86_INS_SUB || at.id == X86_INS_CMP || at.id == X86_INS_DEC;
  const std::uint64_t result = cut(adds                   ? a + b
                                   : subtracts            ? a - b
                                   : at.id == X86_INS_XOR ? a ^ b
                                   : at.id == X86_INS_OR  ? a | b
                                                          : a & b,
                                   bytes);
  const Flags before = flags_;
  flags_ = {.known = true,
            .carry_known = true,
            .zero = result == 0,
            .sign = negative(result, bytes)};
  if (adds || subtracts) {
    const bool differ = negative(a, bytes) != negative(b, bytes);
    flags_.carry = adds ? result < a : a < b;
    flags_.overflow = differ == subtracts && flags_.sign != negative(a, bytes);
  }
  if (one) {
    flags_.carry = before.carry;
    flags_.carry_known = before.known && before.carry_known;
  }
  if (at.id == X86_INS_CMP || at.id == X86_INS_TEST) return {};
  return store(at, to, result);
}

Status Machine::move(const cs_insn& at) {
  const cs_x86_op& to = at.detail->x86.operands[0];
  const cs_x86_op& from = at.detail->x86.operands[1];
  if (at.id == X86_INS_LEA) {
    TRY(const std::uint64_t where, address(at, from));
    return store(at, to, cut(where, to.size));
  }
  TRY(std::uint64_t value, load(at, from));
  if (at.id == X86_INS_MOVSX || at.id == X86_INS_MOVSXD)
    value = cut(sign_extended(value, from.size), to.size);
  return store(at, to, value);
}

/// The condition of a jcc or cmovcc: the low four bits of its opcode.
Result<bool> Machine::holds(const cs_insn& at) const {
  const std::uint8_t* opcode = at.detail->x86.opcode;
  const unsigned condition = (opcode[0] == 0x0f ? opcode[1] : opcode[0]) & 0xf;
  const unsigned kind = condition >> 1;
  const bool uses_carry = kind == 1 || kind == 3;
  if (!flags_.known || (uses_carry && !flags_.carry_known))
    return refuse(at, "a condition that nothing has set");
  const bool less = flags_.sign != flags_.overflow;
  bool result = false;
  switch (kind) {
    case 0: result = flags_.overflow; break;
    case 1: result = flags_.carry; break;
    case 2: result = flags_.zero; break;
    case 3: result = flags_.carry || flags_.zero; break;
    case 4: result = flags_.sign; break;
    case 6: result = less; break;
    case 7: result = less || flags_.zero; break;
    default: return refuse(at, "a condition that is not known");
  }
  return result != ((condition & 1) != 0);
}

Status Machine::jump(std::uint64_t target) {
  const auto at =
      std::ranges::lower_bound(code_, target, {}, &cs_insn::address);
  if (at == code_.end() || at->address != target)
    return fail(Errc::kUnsupported, "a jump out of the function", target);
  next_ = static_cast<std::size_t>(at - code_.begin());
  return {};
}

Status Machine::flow(const cs_insn& at) {
  const cs_x86& x86 = at.detail->x86;
  if (at.id == X86_INS_RET) {
    if (registers_[kSp] != kStackTop || x86.op_count != 0)
      return refuse(at, "returns with another stack than it was called with");
    done_ = true;
    return {};
  }
  const bool direct = x86.op_count == 1 && x86.operands[0].type == X86_OP_IMM;
  if (!direct || cs_insn_group(handle_, &at, CS_GRP_CALL))
    return refuse(at, "leaves the function");
  if (at.id != X86_INS_JMP) {
    TRY(const bool taken, holds(at));
    if (!taken) return {};
  }
  return jump(static_cast<std::uint64_t>(x86.operands[0].imm));
}

bool is_conditional_move(const cs_insn& at) {
  const std::uint8_t* opcode = at.detail->x86.opcode;
  return opcode[0] == 0x0f && (opcode[1] & 0xf0) == 0x40;
}

bool is_jump(const cs_insn& at) {
  const std::uint8_t* opcode = at.detail->x86.opcode;
  return at.id == X86_INS_JMP || (opcode[0] & 0xf0) == 0x70 ||
         (opcode[0] == 0x0f && (opcode[1] & 0xf0) == 0x80);
}

Status Machine::step(const cs_insn& at) {
  // A lock or rep prefix; that of the operand's size shows in its operands.
  if (at.detail->x86.prefix[0] != 0 && at.id != X86_INS_NOP)
    return refuse(at, "a prefix that is not known");
  switch (at.id) {
    case X86_INS_NOP: return {};
    case X86_INS_MOV:
    case X86_INS_MOVABS:
    case X86_INS_MOVSX:
    case X86_INS_MOVSXD:
    case X86_INS_MOVZX:
    case X86_INS_LEA: return move(at);
    case X86_INS_ADD:
    case X86_INS_SUB:
    case X86_INS_CMP:
    case X86_INS_TEST:
    case X86_INS_AND:
    case X86_INS_OR:
    case X86_INS_XOR:
    case X86_INS_INC:
    case X86_INS_DEC: return arithmetic(at);
    case X86_INS_RET: return flow(at);
    default: break;
  }
  if (is_jump(at)) return flow(at);
  if (!is_conditional_move(at))
    return refuse(at, "an instruction that is not known");
  // The move reads its source, and clears the upper half, also when not taken.
  const cs_x86& x86 = at.detail->x86;
  TRY(const bool taken, holds(at));
  TRY(const std::uint64_t value, load(at, x86.operands[1]));
  TRY(const std::uint64_t old, load(at, x86.operands[0]));
  return store(at, x86.operands[0], taken ? value : old);
}

Result<std::uint64_t> Machine::run(std::optional<std::uint64_t> argument) {
  registers_[kAx] = argument;
  registers_[kSp] = kStackTop;
  for (std::uint64_t i = 0; i < kMaxInterpretedSteps; ++i) {
    if (next_ >= code_.size())
      return fail(Errc::kUnsupported, "it runs off its end");
    const cs_insn& at = code_[next_++];
    TRY(step(at));
    if (!done_) continue;
    if (!registers_[kAx]) return fail(Errc::kUnsupported, "it returns nothing");
    return *registers_[kAx];
  }
  return fail(Errc::kLimit, fmt::format("it does not end within {} steps",
                                        kMaxInterpretedSteps));
}

}  // namespace

Result<std::uint64_t> interpret(const MemoryReader& memory,
                                const InterpretedCode& code,
                                std::optional<std::uint64_t> argument) {
  if (code.bytes.size() > kMaxInterpretedBytes)
    return fail(Errc::kLimit,
                fmt::format("a function of more than {} bytes is not run",
                            kMaxInterpretedBytes));
  csh handle = 0;
  if (cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK)
    return fail(Errc::kOs, "cannot open the disassembler");
  const std::unique_ptr<csh, Call<cs_close>> open(&handle);
  cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
  cs_insn* list = nullptr;
  // It stops at what does not decode; running into that refuses.
  const std::size_t count = cs_disasm(
      handle, reinterpret_cast<const std::uint8_t*>(code.bytes.data()),
      code.bytes.size(), code.entry.value, 0, &list);
  if (count == 0)
    return fail(Errc::kUnsupported, "its code does not decode",
                code.entry.value);
  const Instructions owned(list, {count});
  return Machine(memory, handle, {list, count}).run(argument);
}

}  // namespace taskleak
