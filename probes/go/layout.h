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
#include "target/elf_file.h"

namespace taskleak {

/// "go1.26.8" as numbers; release candidates and "devel" are kUnsupported.
struct GoVersion {
  int minor = 0;
  int patch = 0;

  auto operator<=>(const GoVersion&) const = default;
  /// Extra words behind the number ("X:nocoverageredesign", "-custom") are
  /// kept out of the numbers.
  static Result<GoVersion> parse(std::string_view text);
};

/// Offsets in bytes. kAbsent marks a field that this version does not have.
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
    std::uint32_t size, id, m, goidcache, goidcacheend, g_free;
  } p;
  struct {
    std::uint32_t size, id, curg, procid, p;
  } m;
  struct {
    std::uint32_t size, goidgen, ngsys, g_free;
  } schedt;
  struct {
    std::uint32_t free_n;  ///< of schedt.gFree's count, from gFree's start
    std::uint32_t p_n;     ///< of p.gFree's count, from gFree's start
  } gfree;
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

/// The layout from the binary's DWARF. kNotFound without DWARF, kUnsupported
/// when a field that this version must have is not described.
Result<GoLayout> layout_from_dwarf(int exe_fd, GoVersion version);

/// The layout from the generated table. kUnsupported: not a version it holds;
/// the text names the range it does.
Result<GoLayout> layout_from_table(GoVersion version);

}  // namespace taskleak
