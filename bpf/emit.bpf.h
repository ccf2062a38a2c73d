/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Copyright 2026 The task-leakd Authors
 *
 * What every probe does around its own work: find its target by the link's
 * cookie, let nothing of another process through, count the hit, count what
 * gets lost. Uprobe programs can be preempted and resumed in the middle, also
 * by another run of themselves on the same CPU, so every increment is atomic
 * and nothing is kept in per-CPU scratch.
 */
#ifndef TASKLEAK_EMIT_BPF_H
#define TASKLEAK_EMIT_BPF_H

#include "core.bpf.h"
#include "wire.h"

#define READ_ONCE(x) (*(volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile typeof(x) *)&(x) = (value))

#define TASKLEAK_E2BIG 7 /* what a hash map returns when it is full */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TASKLEAK_MAX_TARGETS);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, struct taskleak_config);
} targets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TASKLEAK_MAX_TARGETS);
	__type(key, __u32);
	__type(value, struct taskleak_counters);
} counters SEC(".maps");

/* One run of a program on behalf of a target. */
struct hit {
	const struct taskleak_config *config;
	struct taskleak_counters *counters;
};

static __always_inline void count(const struct hit *hit, enum taskleak_counter which)
{
	__sync_fetch_and_add(&hit->counters->of[which], 1);
}

/* Says where an entry was lost that a map did not take: `full` when it has no room.
 * `error` is an int: up to 6.3 the upper half of what a map update returns is not set. */
static __always_inline void count_refused(const struct hit *hit, int error,
					  enum taskleak_counter full)
{
	count(hit, error == -TASKLEAK_E2BIG ? full : TASKLEAK_LOST_MAP_BUSY);
}

/* Programs see the pids of the initial namespace. In a container userspace does not
 * know those, but it knows the target's own namespace and its pid there. */
static __noinline bool is_target(const struct taskleak_config *config)
{
	struct bpf_pidns_info inner;

	if (!config->pid_ns_inode)
		return config->tgid == bpf_get_current_pid_tgid() >> 32;
	if (bpf_get_ns_current_pid_tgid(config->pid_ns_device, config->pid_ns_inode, &inner,
					sizeof(inner)))
		return false;
	return config->tgid == inner.tgid;
}

/* Begins a run; false when it is not for a target of ours. */
static __always_inline bool begin(void *ctx, struct hit *hit, enum taskleak_counter which)
{
	__u32 slot = bpf_get_attach_cookie(ctx);

	hit->config = bpf_map_lookup_elem(&targets, &slot);
	if (!hit->config || !hit->config->active)
		return false;
	if (!is_target(hit->config))
		return false;
	hit->counters = bpf_map_lookup_elem(&counters, &slot);
	if (!hit->counters)
		return false;
	count(hit, which);
	return true;
}

#endif /* TASKLEAK_EMIT_BPF_H */
