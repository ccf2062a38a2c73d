/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Copyright 2026 The task-leakd Authors
 *
 * What crosses between the kernel's programs and userspace: keys and values of
 * the maps, the configuration record that a link's cookie names, and the ways
 * to lose an event. Read by BPF C and by C++, so: fixed-width types, no hidden
 * padding (kernel/ proves it with static_assert), numbers of one meaning.
 * Times are CLOCK_MONOTONIC nanoseconds (bpf_ktime_get_ns).
 */
#ifndef TASKLEAK_WIRE_H
#define TASKLEAK_WIRE_H

#ifndef __BPF__
#include <stdint.h>
typedef uint8_t __tl_u8;
typedef uint16_t __tl_u16;
typedef uint32_t __tl_u32;
typedef uint64_t __tl_u64;
#else
typedef unsigned char __tl_u8;
typedef unsigned short __tl_u16;
typedef unsigned int __tl_u32;
typedef unsigned long long __tl_u64;
#endif

/* Targets that one loaded object can serve at once: slots of taskleak_config. */
#define TASKLEAK_MAX_TARGETS 64

/* One target; the cookie of each of its links is its index. */
struct taskleak_config {
	__tl_u32 tgid; /* of the process; in the namespace below when there is one */
	__tl_u16 go_goid; /* offset in runtime.g, bytes */
	__tl_u16 go_gopc; /* likewise */
	__tl_u16 go_tracking_seq; /* bytes behind goid */
	__tl_u16 active; /* 0: slot not in use, count nothing */
	__tl_u32 generation; /* of the slot; part of every key */
	__tl_u32 slot; /* its own index: spares the programs stack */
	/* The target's pid namespace, where userspace does not know the pids of the
	 * initial one; inode 0: it does. */
	__tl_u32 pid_ns_device; /* as the kernel encodes it: major << 20 | minor */
	__tl_u64 pid_ns_inode;
};

/* Tasks created and ended, by the address behind the `go` statement. */
struct taskleak_site_key {
	__tl_u32 target;
	__tl_u32 generation;
	__tl_u64 pc; /* g.gopc */
};

struct taskleak_site_counts {
	__tl_u64 created;
	__tl_u64 ended;
};

/* goid and trackingSeq of a g lie within so many bytes, goid first: one read of
 * the target's memory fetches both. True of Go 1.18 to 1.27 (36 to 40 bytes). */
#define TASKLEAK_G_SPAN 64

/* The last park of a task, by the address of its own record (Go: g). Entries
 * stay when the task wakes (start_ns becomes 0): Go reuses a g for ever. */
struct taskleak_park_key {
	__tl_u32 target;
	__tl_u32 generation;
	__tl_u64 task;
};

struct taskleak_park {
	__tl_u64 start_ns; /* 0: readied since, or being written */
	__tl_u64 pc; /* g.gopc: site of the wait histogram */
	__tl_u32 reason; /* raw code of the runtime */
	__tl_u32 run_count; /* g.trackingSeq when it parked, before the park */
	__tl_u64 pc_of; /* the raw_id whose site `pc` is: it need not be read again */
	__tl_u64 raw_id; /* goid */
	__tl_u8 rest[TASKLEAK_G_SPAN - 8]; /* what follows goid, up to trackingSeq */
};

/* Durations of waits that ended, by creation site and reason. Bucket i holds
 * waits of [2^i, 2^(i+1)) microseconds; the first also shorter ones, the last
 * also longer ones. */
#define TASKLEAK_WAIT_BUCKETS 28

struct taskleak_wait_key {
	__tl_u32 target;
	__tl_u32 generation;
	__tl_u64 pc;
	__tl_u64 reason;
};

struct taskleak_wait_histogram {
	__tl_u64 sum_ns;
	__tl_u64 buckets[TASKLEAK_WAIT_BUCKETS];
};

/* Per target and per CPU counters. */
enum taskleak_counter {
	TASKLEAK_HITS_CREATE, /* tasks created, whether or not the site map had room */
	TASKLEAK_HITS_END, /* tasks ended, likewise */
	TASKLEAK_HITS_PARK,
	TASKLEAK_HITS_READY,
	TASKLEAK_LOST_SITE_MAP_FULL,
	TASKLEAK_LOST_PARK_MAP_FULL,
	TASKLEAK_LOST_WAIT_MAP_FULL,
	TASKLEAK_LOST_READ_FAULT, /* memory of the target that could not be read */
	TASKLEAK_LOST_MAP_BUSY, /* a map refused for another reason than room */
	TASKLEAK_COUNTERS
};

struct taskleak_counters {
	__tl_u64 of[TASKLEAK_COUNTERS];
};

#endif /* TASKLEAK_WIRE_H */
