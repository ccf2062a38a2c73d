// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// One pass over the code in its order. A register that `lea` filled with an
// address is followed until it is written, a call returns, or a place comes
// that something jumps to: there it may hold anything.
#include "probes/references.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <set>
#include <utility>

#include "probes/disassembler.h"

namespace taskleak {
namespace {

constexpr int kRegisters = 16;
/// Capstone's names of each general register, by width.
constexpr std::array<std::array<unsigned, 5>, kRegisters> kNames{{
    {X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL, X86_REG_AH},
    {X86_REG_RBX, X86_REG_EBX, X86_REG_BX, X86_REG_BL, X86_REG_BH},
    {X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL, X86_REG_CH},
    {X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL, X86_REG_DH},
    {X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL, 0},
    {X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL, 0},
    {X86_REG_RBP, X86_REG_EBP, X86_REG_BP, X86_REG_BPL, 0},
    {X86_REG_RSP, X86_REG_ESP, X86_REG_SP, X86_REG_SPL, 0},
    {X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B, 0},
    {X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B, 0},
    {X86_REG_R10, X86_REG_R10D, X86_REG_R10W, X86_REG_R10B, 0},
    {X86_REG_R11, X86_REG_R11D, X86_REG_R11W, X86_REG_R11B, 0},
    {X86_REG_R12, X86_REG_R12D, X86_REG_R12W, X86_REG_R12B, 0},
    {X86_REG_R13, X86_REG_R13D, X86_REG_R13W, X86_REG_R13B, 0},
    {X86_REG_R14, X86_REG_R14D, X86_REG_R14W, X86_REG_R14B, 0},
    {X86_REG_R15, X86_REG_R15D, X86_REG_R15W, X86_REG_R15B, 0},
}};
constexpr int kRax = 0;

/// Which general register a name is part of; -1: none.
int general_register(unsigned name) {
  if (name == X86_REG_INVALID) return -1;
  for (int i = 0; i < kRegisters; ++i)
    for (const unsigned part : kNames[i])
      if (part == name) return i;
  return -1;
}

/// What `raw` does with its memory operand, the `index`-th of its operands.
std::optional<DataUse> use_of(const cs_insn& raw, int index) {
  switch (raw.id) {
    case X86_INS_LEA: return DataUse::kAddress;
    case X86_INS_CMP:
    case X86_INS_TEST: return DataUse::kCompare;
    case X86_INS_XCHG: return DataUse::kSwap;
    case X86_INS_XADD: return DataUse::kFetchAdd;
    case X86_INS_NOP:
    case X86_INS_CALL:
    case X86_INS_JMP: return std::nullopt;
    default: break;
  }
  if (index != 0) return DataUse::kLoad;
  // The destination: written alone, or read and written.
  const bool reads = (raw.detail->x86.operands[index].access & CS_AC_READ) != 0;
  const bool moves = raw.id == X86_INS_MOV || raw.id == X86_INS_MOVUPS ||
                     raw.id == X86_INS_MOVSD || raw.id == X86_INS_MOVSS ||
                     raw.id == X86_INS_MOVDQU || raw.id == X86_INS_MOVQ;
  return moves || !reads ? DataUse::kStore : DataUse::kModify;
}

class Reader {
 public:
  Reader(const Disassembler& x86, const std::set<std::uint64_t>& joins)
      : x86_(x86), joins_(joins) {}

  void look(const cs_insn& raw) {
    if (joins_.contains(raw.address)) held_.fill({});
    const cs_x86& x86 = raw.detail->x86;
    std::optional<Addr> taken;
    for (int i = 0; i < x86.op_count; ++i)
      if (x86.operands[i].type == X86_OP_MEM) taken = operand(raw, i);
    if (raw.id == X86_INS_CALL) return call(raw);
    if (raw.id == X86_INS_JMP || raw.id == X86_INS_RET) return held_.fill({});
    forget_written(raw);
    if (raw.id != X86_INS_LEA || !taken) return;
    const int filled = general_register(x86.operands[0].reg);
    if (filled >= 0 && x86.operands[0].size == 8) held_[filled] = taken;
  }
  std::vector<DataReference> take() { return std::move(found_); }

 private:
  /// Notes what the operand refers to, and says the address.
  std::optional<Addr> operand(const cs_insn& raw, int index) {
    const cs_x86_op& at = raw.detail->x86.operands[index];
    if (at.mem.index != X86_REG_INVALID || at.mem.segment != X86_REG_INVALID)
      return std::nullopt;
    const auto offset = static_cast<std::uint64_t>(at.mem.disp);
    std::optional<Addr> address;
    if (at.mem.base == X86_REG_RIP) {
      address = Addr{raw.address + raw.size + offset};
    } else if (const int base = general_register(at.mem.base); base >= 0) {
      if (held_[base]) address = *held_[base] + offset;
    }
    const std::optional<DataUse> use = use_of(raw, index);
    if (!address || !use) return std::nullopt;
    const bool names = *use == DataUse::kAddress;
    found_.push_back({.at = *address,
                      .use = *use,
                      .bytes = names ? std::uint8_t{0} : at.size,
                      .callee = {}});
    return address;
  }

  void call(const cs_insn& raw) {
    const auto callee = direct_target(x86_.handle(), raw);
    if (callee && held_[kRax])
      found_.push_back({.at = *held_[kRax],
                        .use = DataUse::kArgument,
                        .bytes = 0,
                        .callee = Addr{*callee}});
    held_.fill({});
  }

  void forget_written(const cs_insn& raw) {
    cs_regs reads;
    cs_regs writes;
    std::uint8_t read_count = 0;
    std::uint8_t write_count = 0;
    if (cs_regs_access(x86_.handle(), &raw, reads, &read_count, writes,
                       &write_count) != CS_ERR_OK)
      return held_.fill({});
    for (int i = 0; i < write_count; ++i)
      if (const int written = general_register(writes[i]); written >= 0)
        held_[written].reset();
  }

  const Disassembler& x86_;
  const std::set<std::uint64_t>& joins_;
  std::array<std::optional<Addr>, kRegisters> held_{};
  std::vector<DataReference> found_;
};

}  // namespace

const char* data_use_name(DataUse use) {
  switch (use) {
    case DataUse::kLoad: return "load";
    case DataUse::kStore: return "store";
    case DataUse::kCompare: return "compare";
    case DataUse::kAddress: return "address";
    case DataUse::kModify: return "modify";
    case DataUse::kSwap: return "swap";
    case DataUse::kFetchAdd: return "fetch-add";
    case DataUse::kArgument: return "argument";
  }
  return "";
}

namespace {

Status check_length(std::span<const std::byte> code) {
  if (code.size() <= kMaxReferringBytes) return {};
  return fail(Errc::kLimit,
              fmt::format("it is longer than {} bytes", kMaxReferringBytes));
}

}  // namespace

Result<std::vector<DataReference>> find_references(
    std::span<const std::byte> code, Addr entry) {
  TRY(check_length(code));
  TRY(const Disassembler x86, Disassembler::open());
  std::set<std::uint64_t> joins;
  TRY(x86.walk(code, entry, [&](const cs_insn& raw) {
    if (raw.id == X86_INS_CALL) return;
    if (const auto target = direct_target(x86.handle(), raw))
      joins.insert(*target);
  }));
  Reader reader(x86, joins);
  TRY(x86.walk(code, entry, [&](const cs_insn& raw) { reader.look(raw); }));
  return reader.take();
}

Result<std::vector<std::uint64_t>> compared_constants(
    std::span<const std::byte> code, Addr entry) {
  TRY(check_length(code));
  TRY(const Disassembler x86, Disassembler::open());
  std::set<std::uint64_t> constants;
  TRY(x86.walk(code, entry, [&](const cs_insn& raw) {
    const cs_x86& at = raw.detail->x86;
    if (raw.id == X86_INS_CMP && at.operands[0].type == X86_OP_REG &&
        at.operands[1].type == X86_OP_IMM)
      constants.insert(static_cast<std::uint64_t>(at.operands[1].imm));
  }));
  return std::vector(constants.begin(), constants.end());
}

}  // namespace taskleak
