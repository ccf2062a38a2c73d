// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Opening Capstone, and what several readers of code ask of an instruction.
#include "probes/disassembler.h"

namespace taskleak {

Result<Disassembler> Disassembler::open() {
  Disassembler x86;
  if (cs_open(CS_ARCH_X86, CS_MODE_64, &x86.handle_) != CS_ERR_OK)
    return fail(Errc::kOs, "cannot open the disassembler");
  cs_option(x86.handle_, CS_OPT_DETAIL, CS_OPT_ON);
  x86.raw_.reset(cs_malloc(x86.handle_));
  if (!x86.raw_) return fail(Errc::kOs, "no memory for the disassembler");
  return x86;
}

std::optional<std::uint64_t> direct_target(csh handle, const cs_insn& raw) {
  const cs_x86& x86 = raw.detail->x86;
  const bool branches = cs_insn_group(handle, &raw, CS_GRP_JUMP) ||
                        cs_insn_group(handle, &raw, CS_GRP_CALL);
  if (!branches || x86.op_count != 1 || x86.operands[0].type != X86_OP_IMM)
    return std::nullopt;
  return static_cast<std::uint64_t>(x86.operands[0].imm);
}

}  // namespace taskleak
