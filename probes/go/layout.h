// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Where the fields of Go's runtime structs lie, for one binary. They come from
// the binary's own DWARF, else from a table generated from the real tool chains
// (scripts/go-layouts makes layout_table.inc); never a guess, never the
// "nearest" version, never a mix of both sources.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "probes/go/version.h"

namespace taskleak {

/// Offsets in bytes from the start of the struct; `size` is its size. kAbsent
/// marks a field that this version does not have (layout_fields.inc says which
/// has what), and all of poll_desc or notify_list in a program that has no use
/// for them: then none of its tasks can wait for one.
///
/// How Go counts its goroutines (proc.go: gcount, newproc1, newextram), the
/// same in 1.18 to 1.27:
/// - live, system ones left out = allglen - freed - sched.ngsys, where freed
///   is sched.free_n + sched.free_no_stack_n (from 1.25; before, free_n counts
///   both) + free_n of each P in allp[0:len]. All are int32. NumGoroutine
///   shows 1 where this gives less.
/// - created, system ones included = sched.goidgen (u64) less the unspent ids
///   (goidcacheend - goidcache) of each P in allp[0:cap], nil entries left
///   out: a P that GOMAXPROCS retired keeps its ids, and from 1.25 the runtime
///   retires Ps by itself when the cgroup's CPU limit changes.
/// - Programs with cgo: each spare M for calls from C has a g with an id of its
///   own. It is counted in goidgen, allglen and ngsys, its status is 6 (dead)
///   or, from 1.26, 11 (_Gdeadextra), and it is no goroutine until C calls in.
struct GoLayout {
  static constexpr std::uint32_t kAbsent = 0xffffffffU;
  static constexpr bool has(std::uint32_t offset) { return offset != kAbsent; }

  struct {
    std::uint32_t size, stack, m, sched, syscallsp, syscallpc, atomicstatus,
        goid, waitsince, waitreason, parent_goid, gopc, startpc, waiting,
        labels, tracking_seq, timer, sleep_when, sync_group;
  } g;
  struct {
    std::uint32_t sp, pc, g, bp;
  } gobuf;
  struct {
    std::uint32_t size, g, elem, c, waitlink, prev, next, ticket, is_select;
  } sudog;
  struct {
    std::uint32_t size, qcount, dataqsiz, elemsize, closed, timer;
  } hchan;
  struct {
    std::uint32_t size, id, m, goidcache, goidcacheend, free_n;
  } p;
  struct {
    std::uint32_t size, g0, id, curg, procid, p;
  } m;
  struct {
    std::uint32_t size, goidgen, ngsys, free_n, free_no_stack_n;
  } schedt;
  struct {
    std::uint32_t size, fd, rg, wg, self, rd, wd;
  } poll_desc;
  struct {
    std::uint32_t size, wait, notify, head, tail;
  } notify_list;
  struct {
    std::uint32_t when;
  } timer;
  struct {
    std::uint32_t pause_end, numgc;
  } mstats;
  struct {
    std::uint32_t size, treap, nwait;
  } sema_root;
  struct {
    std::uint32_t size, pc_header, funcnametab, cutab, filetab, pctab,
        pclntable, ftab, text, etext, gofunc, next;
  } moduledata;
  struct {
    std::uint32_t size, entryoff, nameoff, pcsp, pcfile, pcln, npcdata,
        cu_offset, start_line, func_id, flag, nfuncdata;
  } func;
  std::string source;  ///< "dwarf" or "table go1.26.0"
};

/// The layout of this binary: from its DWARF where it has any, else from the
/// table. The errors are those of the two below.
Result<GoLayout> find_layout(int exe_fd, GoVersion version);

/// Is this a later minor version than any that the table holds? What its
/// runtime does was never read, so that whoever believes it says so.
bool newer_than_table(GoVersion version);
/// "1.27", the newest minor version of the table.
std::string newest_in_table();

/// The layout from the binary's DWARF. kNotFound without DWARF; when a field
/// that this version must have is not described, kCorrupt for a release of the
/// table, else kUnsupported (one newer than the table must have what the newest
/// in it has); kUnsupported for a version older than the table.
Result<GoLayout> layout_from_dwarf(int exe_fd, GoVersion version);

/// The layout from the generated table. kUnsupported: a version it does not
/// hold, or a modified one (its structs may differ); the text names the
/// versions that it does hold.
Result<GoLayout> layout_from_table(GoVersion version);

}  // namespace taskleak
