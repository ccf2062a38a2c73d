// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Decodes a whole function once (Capstone), then asks three things of the
// list: where does the stack check end, which emulated instruction comes next
// while the arguments live, and does anything lead there a second time. The
// bytes come from a file that may be hostile: length and count are bounded.
#include "probes/instruction.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "probes/disassembler.h"

namespace taskleak {
namespace {

/// Most instructions of a stack check: mov, sub, jb, cmp, jbe for the largest
/// frames.
constexpr std::size_t kMaxCheckInstructions = 5;
/// g.stackguard0 and g.stackguard1: fixed, the compiler's own constants.
constexpr std::array<std::int64_t, 2> kStackGuards = {0x10, 0x18};

struct Instruction {
  std::size_t offset = 0;
  std::size_t size = 0;
  unsigned id = X86_INS_INVALID;
  bool flow = false;                    ///< jump, call, return
  unsigned writes = 0;                  ///< which ProbeRegisters
  bool compares_guard = false;          ///< cmp REG, [r14+0x10]
  bool leads_anywhere = false;          ///< an indirect jump
  std::optional<std::uint64_t> target;  ///< of a direct jump or call
  std::string text;
};

unsigned argument_bit(unsigned reg) {
  switch (reg) {
    case X86_REG_RAX:
    case X86_REG_EAX:
    case X86_REG_AX:
    case X86_REG_AL:
    case X86_REG_AH: return kProbeAx;
    case X86_REG_RBX:
    case X86_REG_EBX:
    case X86_REG_BX:
    case X86_REG_BL:
    case X86_REG_BH: return kProbeBx;
    case X86_REG_RCX:
    case X86_REG_ECX:
    case X86_REG_CX:
    case X86_REG_CL:
    case X86_REG_CH: return kProbeCx;
    case X86_REG_RDI:
    case X86_REG_EDI:
    case X86_REG_DI:
    case X86_REG_DIL: return kProbeDi;
    case X86_REG_RSI:
    case X86_REG_ESI:
    case X86_REG_SI:
    case X86_REG_SIL: return kProbeSi;
    case X86_REG_R14:
    case X86_REG_R14D:
    case X86_REG_R14W:
    case X86_REG_R14B: return kProbeR14;
    default: return 0;
  }
}

unsigned written_arguments(csh handle, const cs_insn& raw) {
  cs_regs reads;
  cs_regs writes;
  std::uint8_t read_count = 0;
  std::uint8_t write_count = 0;
  if (cs_regs_access(handle, &raw, reads, &read_count, writes, &write_count) !=
      CS_ERR_OK)
    return kProbeAll;
  unsigned bits = 0;
  for (std::uint8_t i = 0; i < write_count; ++i)
    bits |= argument_bit(writes[i]);
  return bits;
}

bool compares_guard(const cs_insn& raw) {
  const cs_x86& x86 = raw.detail->x86;
  if (raw.id != X86_INS_CMP || x86.op_count != 2) return false;
  const cs_x86_op& right = x86.operands[1];
  return x86.operands[0].type == X86_OP_REG && right.type == X86_OP_MEM &&
         right.mem.base == X86_REG_R14 && right.mem.index == X86_REG_INVALID &&
         std::ranges::count(kStackGuards, right.mem.disp) == 1;
}

Instruction decoded(csh handle, const cs_insn& raw, Addr entry) {
  Instruction result{.offset = raw.address - entry.value,
                     .size = raw.size,
                     .id = raw.id,
                     .writes = written_arguments(handle, raw),
                     .compares_guard = compares_guard(raw),
                     .target = std::nullopt,
                     .text = raw.mnemonic};
  if (raw.op_str[0] != 0) result.text += fmt::format(" {}", raw.op_str);
  const bool jump = cs_insn_group(handle, &raw, CS_GRP_JUMP);
  const bool call = cs_insn_group(handle, &raw, CS_GRP_CALL);
  result.flow = jump || call || cs_insn_group(handle, &raw, CS_GRP_RET);
  result.target = direct_target(handle, raw);
  result.leads_anywhere = jump && !result.target;
  return result;
}

Result<std::vector<Instruction>> decode(std::span<const std::byte> code,
                                        Addr entry) {
  TRY(const Disassembler x86, Disassembler::open());
  std::vector<Instruction> result;
  TRY(x86.walk(code, entry, [&](const cs_insn& raw) {
    result.push_back(decoded(x86.handle(), raw, entry));
  }));
  return result;
}

struct StackCheck {
  std::size_t length = 0;       ///< instructions; 0: there is none
  std::uint64_t slow_path = 0;  ///< where it branches to grow the stack
};

StackCheck find_stack_check(const std::vector<Instruction>& code) {
  const std::size_t end = std::min(code.size(), kMaxCheckInstructions);
  for (std::size_t i = 0; i + 1 < end; ++i) {
    if (code[i].compares_guard && code[i + 1].id == X86_INS_JBE)
      return {i + 2, code[i + 1].target.value_or(0)};
    if (code[i].writes != 0) break;
  }
  return {};
}

/// Is list[i] the jump at the end of the stack check's slow path: from its
/// first instruction on nothing branches but the one call that grows the stack?
bool ends_slow_path(const std::vector<Instruction>& list, std::size_t i,
                    std::uint64_t slow_path, Addr entry) {
  int calls = 0;
  while (i-- > 0) {
    if (list[i].flow && list[i].id != X86_INS_CALL) return false;
    if (list[i].id == X86_INS_CALL && ++calls > 1) return false;
    if (entry.value + list[i].offset == slow_path) return calls == 1;
  }
  return false;
}

bool is_nop(std::span<const std::byte> bytes) {
  return bytes.size() == 1 && bytes[0] == std::byte{0x90};
}

bool is_push(std::span<const std::byte> bytes) {
  const bool extended = bytes.size() == 2 && bytes[0] == std::byte{0x41};
  return (bytes.size() == 1 || extended) &&
         (bytes.back() & std::byte{0xf8}) == std::byte{0x50};
}

/// jmp, jcc or call to a fixed place, without a prefix.
bool is_emulated_branch(std::span<const std::byte> bytes) {
  const auto first = std::to_integer<unsigned>(bytes[0]);
  const auto second =
      bytes.size() > 1 ? std::to_integer<unsigned>(bytes[1]) : 0U;
  return first == 0xe8 || first == 0xe9 || first == 0xeb ||
         (first & 0xf0) == 0x70 || (first == 0x0f && (second & 0xf0) == 0x80);
}

/// The cheapest emulated instruction from `begin` on, before anything has
/// branched or overwritten a needed register: a nop, else the first push, else
/// the first branch.
Result<std::size_t> cheapest_emulated(const std::vector<Instruction>& list,
                                      std::span<const std::byte> code,
                                      std::size_t begin, unsigned needed) {
  const std::size_t end =
      std::min(list.size(), begin + kMaxPrologueInstructions);
  std::optional<std::size_t> push;
  std::size_t i = begin;
  for (; i < end && !list[i].flow && (list[i].writes & needed) == 0; ++i) {
    const auto bytes = code.subspan(list[i].offset, list[i].size);
    if (is_nop(bytes)) return i;
    if (!push && is_push(bytes)) push = i;
  }
  if (push) return *push;
  if (i < end && list[i].flow &&
      is_emulated_branch(code.subspan(list[i].offset, list[i].size)))
    return i;
  if (i == end)
    return fail(Errc::kUnsupported,
                fmt::format("none of the first {} instructions is one that the "
                            "kernel emulates",
                            end - begin));
  return fail(Errc::kUnsupported,
              fmt::format("before an instruction that the kernel emulates "
                          "comes `{}`, behind which a probe would miss calls "
                          "or arguments",
                          list[i].text));
}

/// Does anything but a call of the function lead to the place at `last`, or to
/// what runs into it? Behind a stack check the jump back to the entry, after
/// the stack has grown, is fine: the place was not passed yet.
Status passed_once(const std::vector<Instruction>& list, Addr entry,
                   const StackCheck& check, std::uint64_t last) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Instruction& at = list[i];
    if (at.leads_anywhere)
      return fail(Errc::kUnsupported,
                  fmt::format("`{}` may lead anywhere", at.text),
                  entry.value + at.offset);
    if (!at.target || *at.target < entry.value || *at.target > last) continue;
    if (*at.target == entry.value && check.length != 0 &&
        ends_slow_path(list, i, check.slow_path, entry))
      continue;
    if (at.id == X86_INS_CALL && *at.target == entry.value) continue;
    return fail(Errc::kUnsupported,
                fmt::format("`{}` leads to the place again", at.text),
                entry.value + at.offset);
  }
  return {};
}

}  // namespace

Result<ProbePlace> find_probe_place(std::span<const std::byte> code, Addr entry,
                                    unsigned needed) {
  if (code.empty()) return fail(Errc::kUnsupported, "it has no code");
  if (code.size() > kMaxFunctionBytes)
    return fail(Errc::kLimit,
                fmt::format("it is longer than {} bytes", kMaxFunctionBytes));
  TRY(const std::vector<Instruction> list, decode(code, entry));
  const StackCheck check = find_stack_check(list);
  TRY(const std::size_t place,
      cheapest_emulated(list, code, check.length, needed));
  const Instruction& found = list[place];
  TRY(passed_once(list, entry, check, entry.value + found.offset));
  ProbePlace result{
      .offset = found.offset, .bytes = {}, .instruction = found.text};
  for (const std::byte b : code.subspan(found.offset, found.size))
    result.bytes.push_back(std::to_integer<std::uint8_t>(b));
  return result;
}

}  // namespace taskleak
