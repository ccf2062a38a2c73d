// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Probes planned on this very program, whose code is as its file has it.
#include "reader/probe_check.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

using namespace taskleak;

namespace {

/// A probe on the first bytes of our own code, as they are in memory.
PlannedProbe own_probe(const Process& self) {
  const auto maps = self.mappings();
  REQUIRE(maps);
  const auto code = std::ranges::find_if(*maps, [&](const Mapping& m) {
    return m.executable && m.path == self.exe_path();
  });
  REQUIRE(code != maps->end());
  PlannedProbe probe;
  probe.name = "own";
  probe.file_offset = code->offset;
  probe.bytes.resize(4);
  std::memcpy(probe.bytes.data(),
              reinterpret_cast<const void*>(code->begin.value), 4);
  return probe;
}

}  // namespace

TEST_CASE("a probe is kept only where memory has the planned bytes") {
  const auto self = Process::open(getpid());
  REQUIRE(self);
  const ProcessMemory memory(getpid());
  const PlannedProbe good = own_probe(*self);
  PlannedProbe patched = good;
  patched.bytes[2] ^= 1;
  PlannedProbe elsewhere = good;
  elsewhere.file_offset = std::uint64_t{1} << 40;
  PlannedProbe behind = good;  // its last byte lies beyond every mapping
  behind.file_offset = ~std::uint64_t{0} - 2;
  for (PlannedProbe* bad : {&patched, &elsewhere, &behind})
    bad->probe_class = ProbeClass::kWait;
  ProbePlan plan;
  plan.probes = {good, patched, elsewhere, behind};
  refuse_changed_code(*self, memory, plan);
  REQUIRE(plan.probes.size() == 1);
  CHECK(plan.probes[0].bytes == good.bytes);
  REQUIRE(plan.refused.size() == 3);
  CHECK(plan.refused[0].why.find("other code in memory") != std::string::npos);
  CHECK(plan.refused[1].why.find("not in memory") != std::string::npos);
}

TEST_CASE("a probe on changed code takes its class along") {
  const auto self = Process::open(getpid());
  REQUIRE(self);
  PlannedProbe patched = own_probe(*self);
  patched.bytes[2] ^= 1;
  ProbePlan plan;
  plan.probes = {own_probe(*self), patched};
  refuse_changed_code(*self, ProcessMemory(getpid()), plan);
  CHECK(plan.probes.empty());
  REQUIRE(plan.refused.size() == 2);
  CHECK(plan.refused[1].why == "no use without own");
}

TEST_CASE("a breakpoint in the first byte is another tracer's") {
  const auto self = Process::open(getpid());
  REQUIRE(self);
  // Memory that has int3 in front of what the file has.
  class Traced final : public MemoryReader {
   public:
    Status read(Addr at, std::span<std::byte> out) const override {
      TRY(ProcessMemory(getpid()).read(at, out));
      out[at_] = std::byte{0xcc};
      return {};
    }
    Status read_many(std::span<const MemoryRange>, std::span<std::byte>,
                     std::vector<bool>&) const override {
      return fail(Errc::kFault, "not asked");
    }
    std::size_t at_ = 0;
  } traced;
  ProbePlan plan;
  plan.probes = {own_probe(*self)};
  refuse_changed_code(*self, traced, plan);
  CHECK(plan.probes.size() == 1);
  traced.at_ = 1;
  refuse_changed_code(*self, traced, plan);
  CHECK(plan.probes.empty());
}
