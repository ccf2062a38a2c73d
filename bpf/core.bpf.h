/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Copyright 2026 The task-leakd Authors
 *
 * The kernel types that the programs touch, so that building needs no BTF of
 * the build machine. Only the members that are used, in any order: CO-RE
 * relocates each access to where the running kernel has it.
 */
#ifndef TASKLEAK_CORE_BPF_H
#define TASKLEAK_CORE_BPF_H

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* x86-64 registers at the probed instruction. */
struct pt_regs {
	unsigned long r14;
	unsigned long ax;
	unsigned long bx;
	unsigned long cx;
};

#pragma clang attribute pop

#endif /* TASKLEAK_CORE_BPF_H */
