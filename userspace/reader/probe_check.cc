// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Finds each place in the process's mappings of its executable, of which there
// may be several, and compares.
#include "reader/probe_check.h"

#include <sys/stat.h>

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace taskleak {
namespace {

constexpr std::uint8_t kBreakpoint = 0xcc;  // int3

std::string_view without_deleted(std::string_view path) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) path.remove_suffix(kDeleted.size());
  return path;
}

/// Those of `all` that map code of the executable. By name, or by inode where
/// the name has bytes that the kernel escapes.
std::vector<Mapping> code_mappings(const Process& process,
                                   std::vector<Mapping> all) {
  std::vector<Mapping> code;
  struct stat file{};
  if (fstat(process.exe_fd(), &file) != 0) return code;
  for (Mapping& mapping : all)
    if (mapping.executable &&
        (without_deleted(mapping.path) == process.exe_path() ||
         mapping.inode == file.st_ino))
      code.push_back(std::move(mapping));
  return code;
}

bool holds(const Mapping& mapping, std::uint64_t offset, std::size_t size) {
  const std::uint64_t length = mapping.end.value - mapping.begin.value;
  return mapping.offset <= offset && offset - mapping.offset <= length &&
         length - (offset - mapping.offset) >= size;
}

bool same_code(const MemoryReader& memory, Addr at,
               std::span<const std::uint8_t> planned) {
  std::vector<std::uint8_t> found(planned.size());
  if (!memory.read(at, std::as_writable_bytes(std::span(found)))) return false;
  for (std::size_t i = 0; i < found.size(); ++i)
    if (found[i] != planned[i] && !(i == 0 && found[0] == kBreakpoint))
      return false;
  return true;
}

/// Why the probe cannot be had, empty when it can.
std::string trouble(const PlannedProbe& probe, const std::vector<Mapping>& code,
                    const MemoryReader& memory) {
  bool mapped = false;
  for (const Mapping& mapping : code) {
    if (!holds(mapping, probe.file_offset, probe.bytes.size())) continue;
    mapped = true;
    const Addr at = mapping.begin + (probe.file_offset - mapping.offset);
    if (!same_code(memory, at, probe.bytes))
      return "the process has other code in memory than in its file";
  }
  return mapped ? "" : "its code is not in memory as the file has it";
}

}  // namespace

void refuse_changed_code(const Process& process, const MemoryReader& memory,
                         ProbePlan& plan) {
  auto all = process.mappings();
  // Without any the process has ended, as attaching will find out.
  if (!all || all->empty()) return;
  const std::vector<Mapping> code = code_mappings(process, *std::move(all));
  std::vector<PlannedProbe> kept;
  for (PlannedProbe& probe : plan.probes) {
    std::string why = trouble(probe, code, memory);
    if (why.empty())
      kept.push_back(std::move(probe));
    else
      plan.refused.push_back({.name = probe.name,
                              .probe_class = probe.probe_class,
                              .why = std::move(why)});
  }
  plan.probes = std::move(kept);
  drop_incomplete_classes(plan);
}

}  // namespace taskleak
