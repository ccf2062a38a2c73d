// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Lays out a made-up Go program's memory.
#include "tests/unit/go/fake_world.h"

#include "probes/go/reasons.h"

namespace taskleak {
namespace {

constexpr std::uint64_t kFrameBytes = 0x30;
constexpr std::uint64_t kBigFrameBytes = 0x600;
constexpr std::uint64_t kProcessor = 0x900000;

}  // namespace

FakeWorld::FakeWorld(GoVersion of)
    : version(of), layout(layout_from_table(of).value()), code(layout) {
  globals = {.allgptr = Addr{0x700000},
             .allglen = Addr{0x700008},
             .allp = Addr{0x700010},
             .sched = Addr{0x701000},
             .memstats = Addr{0x710000},
             .moduledata = Addr{FakeCode::kModuledata},
             .wait_reasons = {}};
  memory.set_value(globals.allgptr, kList);
  memory.set_value(globals.allglen, std::uint64_t{0});
  const std::uint64_t allp[] = {0x700100, 1, 1};
  memory.set_value(globals.allp, allp);
  memory.set_value(Addr{0x700100}, kProcessor);
  memory.set_zero(Addr{kProcessor}, layout.p.size);
  memory.set_zero(globals.sched, layout.schedt.size);
  memory.set_zero(globals.memstats, 0x8000);
  for (const char* text : {"", "chan receive", "select", "sync.Mutex.Lock",
                           "sync.RWMutex.RLock", "sync.WaitGroup.Wait",
                           "sync.Cond.Wait", "IO wait", "sleep", "semacquire"})
    reasons.push_back(wait_reason_of(text));
  const auto frame = static_cast<std::int32_t>(kFrameBytes);
  for (const char* name :
       {"runtime.gopark", "runtime.chanrecv1", "runtime.semacquire1",
        "runtime.netpollblock", "sync.runtime_notifyListWait",
        "sync.(*Cond).Wait", "sync.(*RWMutex).Lock", "sync.(*RWMutex).RLock",
        "sync.(*Mutex).lockSlow", "sync.(*WaitGroup).Wait", "main.worker",
        "main.create", "runtime.main", "runtime.bgsweep"})
    code.add({name, frame});
  code.add({"main.big", static_cast<std::int32_t>(kBigFrameBytes)});
  code.add({"runtime.goexit", 0, FakeCode::kTopFrame});
  for (const char* name : {"runtime.cgocallback", "runtime.switches"})
    code.add({name, frame, FakeCode::kWritesSp});
  file = std::make_unique<TestElf>(code.build());
  image = std::make_unique<Image>(Image::of(file->open().value(), 0).value());
  symbols = std::make_unique<Symbols>(
      Pclntab::open(*image, layout, version, globals.moduledata).value(),
      "app");
}

std::size_t FakeWorld::add(std::uint64_t goid) {
  const std::size_t n = count_++;
  memory.set_value(Addr{kList + n * 8}, g(n));
  memory.set_value(globals.allglen, std::uint64_t{count_});
  memory.set_value(globals.sched + layout.schedt.goidgen,
                   std::uint64_t{count_});
  memory.set_zero(Addr{g(n)}, layout.g.size);
  set_word(n, layout.g.goid, goid);
  set_word(n, layout.g.sched + layout.gobuf.g, g(n));
  set_word(n, layout.g.stack, stack_hi(n) - kStackBytes);
  set_word(n, layout.g.stack + 8, stack_hi(n));
  set_word(n, layout.g.gopc, code.at("main.create") + 0x10);
  set_word(n, layout.g.startpc, code.at("main.worker"));
  if (GoLayout::has(layout.g.parent_goid)) set_word(n, layout.g.parent_goid, 1);
  set_status(n, kGRunning);
  return n;
}

void FakeWorld::park(std::size_t n, Reason reason,
                     const std::vector<std::string>& functions) {
  std::uint64_t total = 0;
  for (const std::string& f : functions)
    total += (f == "main.big" ? kBigFrameBytes : kFrameBytes) + 8;
  std::uint64_t sp = stack_hi(n) - total - 0x20;
  memory.set_zero(Addr{sp}, total + 0x20);
  frames_.clear();
  set_word(n, layout.g.sched + layout.gobuf.sp, sp);
  set_word(n, layout.g.sched + layout.gobuf.pc,
           code.at(functions.front()) + 0x10);
  for (std::size_t i = 0; i < functions.size(); ++i) {
    frames_.push_back(sp);
    sp += functions[i] == "main.big" ? kBigFrameBytes : kFrameBytes;
    const std::string caller =
        i + 1 < functions.size() ? functions[i + 1] : "runtime.goexit";
    memory.set_value(Addr{sp}, code.at(caller) + 0x10);
    sp += 8;
  }
  set_byte(n, layout.g.waitreason, reason);
  set_status(n, kGWaiting);
  ran(n);
}

void FakeWorld::sudog(std::uint64_t at, std::size_t n, std::uint64_t channel,
                      std::uint64_t elem, std::uint64_t link) {
  memory.set_zero(Addr{at}, layout.sudog.size);
  memory.set_value(Addr{at + layout.sudog.g}, g(n));
  memory.set_value(Addr{at + layout.sudog.c}, channel);
  memory.set_value(Addr{at + layout.sudog.elem}, elem);
  memory.set_value(Addr{at + layout.sudog.waitlink}, link);
}

void FakeWorld::channel(std::uint64_t at, std::uint64_t capacity,
                        std::uint64_t buffered) {
  memory.set_zero(Addr{at}, layout.hchan.size);
  memory.set_value(Addr{at + layout.hchan.dataqsiz}, capacity);
  memory.set_value(Addr{at + layout.hchan.qcount}, buffered);
  memory.set_value(Addr{at + layout.hchan.elemsize}, std::uint16_t{8});
}

}  // namespace taskleak
