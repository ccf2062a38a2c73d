// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// How the runtime's global variables are recognised in its machine code where
// no symbol names them, as data. A rule names a function of the runtime and
// what its code does with the variable, which gives a set of addresses. The
// variable is what all rules of it agree on: at least two, and exactly one
// address; anything else is a refusal. tests/e2e/globals_test.py compares what
// comes out with the symbols of each tool chain.
#pragma once

#include <array>
#include <cstdint>

#include "probes/go/layout.h"
#include "probes/references.h"

namespace taskleak {

enum class GoGlobal : std::uint8_t {
  kAllglen,
  kAllgptr,
  kAllgs,
  kAllp,
  kSched,
  kMemstats,
  kWaitReasonStrings,
  kAllm,
  kMheap,
  kSemtable,
  kAllfin,
  kGcCleanups,
};
inline constexpr int kGoGlobals = 12;

struct GoGlobalName {
  const char* symbol;
  bool needed;  ///< without it no goroutine is listed
  int first_minor;
};
/// By GoGlobal.
inline constexpr std::array<GoGlobalName, kGoGlobals> kGoGlobalNames{{
    {"runtime.allglen", true, 18},
    {"runtime.allgptr", true, 18},
    {"runtime.allgs", false, 18},
    {"runtime.allp", true, 18},
    {"runtime.sched", true, 18},
    {"runtime.memstats", true, 18},
    {"runtime.waitReasonStrings", true, 18},
    {"runtime.allm", false, 18},
    {"runtime.mheap_", false, 18},
    {"runtime.semtable", false, 18},
    {"runtime.allfin", false, 18},
    {"runtime.gcCleanups", false, 25},
}};

/// Which of a function's references to data a rule means.
enum class RulePlace : std::uint8_t {
  kEach,
  /// The first of three words that are all referred to: a slice.
  kSlice,
};

struct GlobalRule {
  GoGlobal global;
  const char* function;
  DataUse use;
  std::uint8_t bytes;            ///< width of the access, 0: any
  const char* callee = nullptr;  ///< of DataUse::kArgument
  RulePlace place = RulePlace::kEach;
  /// The reference is to this field of the variable.
  std::uint32_t (*field)(const GoLayout&) = nullptr;
  /// What fits this rule is not the variable.
  bool excludes = false;
};

/// Sources: runtime/proc.go (allgadd, forEachG, forEachGRace, newproc1,
/// procresize, preemptall, mcommoninit, mexit), traceback.go
/// (goroutineheader), runtime2.go (waitReason.String), mgc.go
/// (gcMarkTermination), malloc.go (mallocinit), mcentral.go (grow), sema.go,
/// mfinal.go (queuefinalizer), mgcmark.go (markroot), mheap.go (freeSpecial),
/// mgcsweep.go (activeSweep.end).
inline constexpr GlobalRule kGlobalRules[] = {
    {GoGlobal::kAllglen, "runtime.allgadd", DataUse::kSwap, 8},
    {GoGlobal::kAllglen, "runtime.forEachGRace", DataUse::kLoad, 8},
    {.global = GoGlobal::kAllglen,  // that is allgptr
     .function = "runtime.allgadd",
     .use = DataUse::kCompare,
     .bytes = 8,
     .excludes = true},
    {GoGlobal::kAllgptr, "runtime.allgadd", DataUse::kCompare, 8},
    {GoGlobal::kAllgptr, "runtime.forEachGRace", DataUse::kLoad, 8},
    {.global = GoGlobal::kAllgs,
     .function = "runtime.allgadd",
     .use = DataUse::kStore,
     .bytes = 8,
     .place = RulePlace::kSlice},
    {GoGlobal::kAllgs, "runtime.forEachG", DataUse::kLoad, 8},
    {.global = GoGlobal::kAllp,
     .function = "runtime.procresize",
     .use = DataUse::kLoad,
     .bytes = 8,
     .place = RulePlace::kSlice},
    {GoGlobal::kAllp, "runtime.preemptall", DataUse::kLoad, 8},
    {.global = GoGlobal::kSched,
     .function = "runtime.newproc1",
     .use = DataUse::kFetchAdd,
     .bytes = 8,
     .field = [](const GoLayout& at) { return at.schedt.goidgen; }},
    {.global = GoGlobal::kSched,
     .function = "runtime.newproc1",
     .use = DataUse::kFetchAdd,
     .bytes = 4,
     .field = [](const GoLayout& at) { return at.schedt.ngsys; }},
    {.global = GoGlobal::kMemstats,
     .function = "runtime.gcMarkTermination",
     .use = DataUse::kModify,
     .bytes = 4,
     .field = [](const GoLayout& at) { return at.mstats.numgc; }},
    {.global = GoGlobal::kMemstats,
     .function = "runtime.gcMarkTermination",
     .use = DataUse::kAddress,
     .bytes = 0,
     .field = [](const GoLayout& at) { return at.mstats.pause_end; }},
    {GoGlobal::kWaitReasonStrings, "runtime.waitReason.String",
     DataUse::kAddress, 0},
    {GoGlobal::kWaitReasonStrings, "runtime.goroutineheader", DataUse::kAddress,
     0},
    {GoGlobal::kAllm, "runtime.mcommoninit", DataUse::kLoad, 8},
    {GoGlobal::kAllm, "runtime.mcommoninit", DataUse::kAddress, 0},
    {GoGlobal::kAllm, "runtime.mexit", DataUse::kAddress, 0},
    {GoGlobal::kMheap, "runtime.mallocinit", DataUse::kArgument, 0,
     "runtime.(*mheap).init"},
    {GoGlobal::kMheap, "runtime.(*mcentral).grow", DataUse::kArgument, 0,
     "runtime.(*mheap).alloc"},
    {GoGlobal::kSemtable, "runtime.semacquire1", DataUse::kAddress, 0},
    {GoGlobal::kSemtable, "runtime.semrelease1", DataUse::kAddress, 0},
    {GoGlobal::kAllfin, "runtime.queuefinalizer", DataUse::kLoad, 8},
    {GoGlobal::kAllfin, "runtime.queuefinalizer", DataUse::kStore, 8},
    {GoGlobal::kAllfin, "runtime.markroot", DataUse::kLoad, 8},
    {GoGlobal::kGcCleanups, "runtime.freeSpecial", DataUse::kArgument, 0,
     "runtime.(*cleanupQueue).enqueue"},
    {GoGlobal::kGcCleanups, "runtime.(*activeSweep).end", DataUse::kAddress, 0},
};

/// The function whose code bounds waitReasonStrings, by comparing with its
/// length (runtime2.go, waitReason.String).
inline constexpr const char* kWaitReasonBound = "runtime.waitReason.String";

}  // namespace taskleak
