// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Copyright 2026 The task-leakd Authors
 *
 * Uprobes of the Go runtime, past the stack check of each function, where the
 * arguments are still in registers (ABIInternal: AX, BX, CX; R14 is the running
 * g). Nothing is sent: maps keep totals by creation site, the last park of each
 * g, and histograms of waits that ended. Offsets in g come from the target's
 * configuration record; no number of any Go version stands here.
 *
 * At most 48 bytes of stack a function (scripts/check-bpf-stack): larger
 * frames get a private stack, which preemption corrupts. So values are filled
 * where they lie in the map, after inserting a zero template.
 */
#include "emit.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* userspace sets max_entries of the three hash maps before loading */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct taskleak_site_key);
	__type(value, struct taskleak_site_counts);
} sites SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct taskleak_park_key);
	__type(value, struct taskleak_park);
} parks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct taskleak_wait_key);
	__type(value, struct taskleak_wait_histogram);
} waits SEC(".maps");

static const struct taskleak_site_counts no_counts;
static const struct taskleak_park no_park;
static const struct taskleak_wait_histogram no_waits;

/* The entry of `key`, inserted as zeroes when there is none; NULL and counted
 * as `full` or busy when the map does not take it. */
#define ENTRY(map, key, zero, hit, full)                                              \
	({                                                                            \
		void *entry = bpf_map_lookup_elem(map, key);                          \
		if (!entry) {                                                         \
			int error = bpf_map_update_elem(map, key, zero, BPF_NOEXIST); \
			entry = bpf_map_lookup_elem(map, key);                        \
			if (!entry)                                                   \
				count_refused(hit, error, full);                      \
		}                                                                     \
		entry;                                                                \
	})

static __always_inline struct taskleak_site_counts *site_of(const struct hit *hit, __u64 pc)
{
	struct taskleak_site_key key = { .target = hit->config->slot,
					 .generation = hit->config->generation,
					 .pc = pc };

	return ENTRY(&sites, &key, &no_counts, hit, TASKLEAK_LOST_SITE_MAP_FULL);
}

/* runtime.newproc1(fn, callergp, callerpc): callerpc becomes g.gopc */
SEC("uprobe")
int go_create(struct pt_regs *ctx)
{
	struct taskleak_site_counts *site;
	struct hit hit;

	if (!begin(ctx, &hit, TASKLEAK_HITS_CREATE))
		return 0;
	site = site_of(&hit, ctx->cx);
	if (site)
		__sync_fetch_and_add(&site->created, 1);
	return 0;
}

/* runtime.gdestroy(gp), or goexit0(gp) where that still does its work */
SEC("uprobe")
int go_end(struct pt_regs *ctx)
{
	struct taskleak_site_counts *site;
	struct hit hit;
	__u64 pc;

	if (!begin(ctx, &hit, TASKLEAK_HITS_END))
		return 0;
	if (bpf_probe_read_user(&pc, sizeof(pc), (void *)(ctx->ax + hit.config->go_gopc))) {
		count(&hit, TASKLEAK_LOST_READ_FAULT);
		return 0;
	}
	site = site_of(&hit, pc);
	if (site)
		__sync_fetch_and_add(&site->ended, 1);
	return 0;
}

/* Reads what identifies the wait of the g at `g`; false when it cannot. A g keeps
 * its goid and its site until it ends, so the site is read once for each goid. */
static __always_inline bool fill_park(const struct hit *hit, struct taskleak_park *park, __u64 g)
{
	__u64 behind = hit->config->go_tracking_seq;

	if (behind >= TASKLEAK_G_SPAN)
		return false;
	if (bpf_probe_read_user(&park->raw_id, behind + 1, (void *)(g + hit->config->go_goid)))
		return false;
	park->run_count = ((__u8 *)&park->raw_id)[behind];
	if (park->pc_of == park->raw_id)
		return true;
	park->pc_of = 0;
	if (bpf_probe_read_user(&park->pc, 8, (void *)(g + hit->config->go_gopc)))
		return false;
	park->pc_of = park->raw_id;
	return true;
}

/* runtime.gopark(unlockf, lock, reason, ...), on the goroutine that parks */
SEC("uprobe")
int go_park(struct pt_regs *ctx)
{
	struct taskleak_park_key key;
	struct taskleak_park *park;
	struct hit hit;

	if (!begin(ctx, &hit, TASKLEAK_HITS_PARK))
		return 0;
	key.target = hit.config->slot;
	key.generation = hit.config->generation;
	key.task = ctx->r14;
	park = ENTRY(&parks, &key, &no_park, &hit, TASKLEAK_LOST_PARK_MAP_FULL);
	if (!park)
		return 0;
	WRITE_ONCE(park->start_ns, 0);
	if (!fill_park(&hit, park, key.task)) {
		count(&hit, TASKLEAK_LOST_READ_FAULT);
		return 0;
	}
	park->reason = (__u8)ctx->cx;
	barrier();
	WRITE_ONCE(park->start_ns, bpf_ktime_get_ns());
	return 0;
}

/* i such that 2^i <= us < 2^(i+1), kept within the buckets; 0 for 0 */
static __always_inline __u32 bucket_of(__u64 us)
{
	__u32 bucket = 0;

	if (us >> TASKLEAK_WAIT_BUCKETS)
		return TASKLEAK_WAIT_BUCKETS - 1;
#pragma unroll
	for (__u32 step = 16; step; step /= 2) {
		if (us >> step) {
			us >>= step;
			bucket += step;
		}
	}
	return bucket;
}

/* A frame of its own, so that the caller's stays small. */
static __noinline int add_wait(const struct taskleak_config *config,
			       struct taskleak_counters *counters, const struct taskleak_park *park,
			       __u64 waited_ns)
{
	const struct hit target = { .config = config, .counters = counters };
	const struct hit *hit = &target;
	struct taskleak_wait_histogram *wait;
	struct taskleak_wait_key key = {
		.target = hit->config->slot,
		.generation = hit->config->generation,
		.pc = park->pc,
		.reason = park->reason,
	};
	__u32 bucket = bucket_of(waited_ns / 1000);

	wait = ENTRY(&waits, &key, &no_waits, hit, TASKLEAK_LOST_WAIT_MAP_FULL);
	if (!wait || bucket >= TASKLEAK_WAIT_BUCKETS)
		return 0;
	__sync_fetch_and_add(&wait->sum_ns, waited_ns);
	__sync_fetch_and_add(&wait->buckets[bucket], 1);
	return 0;
}

/* runtime.ready(gp, ...), on whoever wakes gp, before gp can run */
SEC("uprobe")
int go_ready(struct pt_regs *ctx)
{
	struct taskleak_park_key key;
	struct taskleak_park *park;
	__u64 start_ns, seq;
	__u8 run_count;
	struct hit hit;

	if (!begin(ctx, &hit, TASKLEAK_HITS_READY))
		return 0;
	key.target = hit.config->slot;
	key.generation = hit.config->generation;
	key.task = ctx->ax;
	park = bpf_map_lookup_elem(&parks, &key);
	if (!park)
		return 0;
	start_ns = READ_ONCE(park->start_ns);
	if (!start_ns)
		return 0;
	WRITE_ONCE(park->start_ns, 0);
	seq = key.task + hit.config->go_goid + hit.config->go_tracking_seq;
	if (bpf_probe_read_user(&run_count, sizeof(run_count), (void *)seq)) {
		count(&hit, TASKLEAK_LOST_READ_FAULT);
		return 0;
	}
	/* else it woke without ready (netpoll does) and parked unseen */
	if (run_count == (__u8)(park->run_count + 1))
		add_wait(hit.config, hit.counters, park, bpf_ktime_get_ns() - start_ns);
	return 0;
}
