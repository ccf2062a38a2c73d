// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Opens what is asked for, lets each runtime describe it, prints the answer.
#include "daemon/layout_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/privilege.h"
#include "probes/runtime.h"
#include "target/elf_file.h"
#include "target/process.h"

namespace taskleak {
namespace {

using Json = nlohmann::ordered_json;

std::string hex(std::uint64_t value) { return fmt::format("0x{:x}", value); }

std::string hex_bytes(const std::vector<std::uint8_t>& bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

/// The executable, and the process that runs it when one was asked for.
struct Subject {
  std::string exe;
  Fd file;
  std::optional<Process> process;

  int fd() const { return process ? process->exe_fd() : file.get(); }
};

Result<Subject> open_subject(const LayoutOptions& options) {
  Subject subject;
  if (options.pid != 0) {
    TRY(Process process, Process::open(options.pid, options.procfs));
    subject.exe = process.exe_path();
    subject.process = std::move(process);
    return subject;
  }
  subject.exe = options.exe;
  subject.file = Fd(open(options.exe.c_str(), O_RDONLY | O_CLOEXEC));
  if (!subject.file.valid()) return fail_os(options.exe, errno);
  return subject;
}

Result<BinaryReport> describe(const Subject& subject) {
  std::optional<ProcessMemory> memory;
  std::optional<LiveProcess> live;
  if (subject.process) {
    memory.emplace(subject.process->namespaced_pid().own,
                   subject.process->pid());
    live.emplace(LiveProcess{*subject.process, *memory});
  }
  std::string looked_for;
  for (const RuntimeKind& kind : runtime_kinds()) {
    auto report = kind.describe(subject.fd(), live ? &*live : nullptr);
    if (report || report.error().code() != Errc::kNotFound) return report;
    looked_for += (looked_for.empty() ? "" : ", ") + std::string(kind.name);
  }
  return fail(Errc::kNotFound,
              fmt::format("{} has no runtime that we know; looked for: {}",
                          subject.exe, looked_for));
}

Json address_json(const FoundAddress& found) {
  Json json{{"name", found.name}, {"needed", found.needed}};
  json["address"] = found.linked ? Json(hex(found.linked.value)) : Json();
  json["how"] = found.how;
  return json;
}

Json probes_json(const ProbePlan& plan) {
  Json list = Json::array();
  for (const PlannedProbe& probe : plan.probes)
    list.push_back({{"name", probe.name},
                    {"symbol", probe.symbol},
                    {"file_offset", hex(probe.file_offset)},
                    {"instruction", probe.instruction},
                    {"bytes", hex_bytes(probe.bytes)},
                    {"refused", Json()}});
  for (const RefusedProbe& probe : plan.refused)
    list.push_back({{"name", probe.name}, {"refused", probe.why}});
  return list;
}

std::string as_json(const Subject& subject, const std::string& build_id,
                    const BinaryReport& report) {
  Json json{{"schema", 1}, {"exe", subject.exe}, {"build_id", build_id}};
  if (subject.process) json["pid"] = subject.process->pid();
  json["runtime"] = {{"name", report.runtime}, {"version", report.version}};
  json["readable"] = report.refused.empty();
  json["refused"] = report.refused.empty() ? Json() : Json(report.refused);
  Json facts = Json::object();
  for (const auto& [name, value] : report.facts) facts[name] = value;
  json["facts"] = std::move(facts);
  json["addresses"] = Json::array();
  for (const FoundAddress& found : report.addresses)
    json["addresses"].push_back(address_json(found));
  json["probes"] = probes_json(report.probes);
  // What stands in the file is shown as it is, were it no UTF-8.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string as_text(const Subject& subject, const std::string& build_id,
                    const BinaryReport& report) {
  std::string text;
  const auto line = [&](std::string_view name, std::string_view value) {
    text += fmt::format("{:24}{}\n", name, value);
  };
  line("executable", subject.exe);
  line("build id", build_id.empty() ? "none" : build_id);
  line("runtime", fmt::format("{} {}", report.runtime, report.version));
  for (const auto& [name, value] : report.facts) line(name, value);
  if (!report.addresses.empty()) text += "\nlinked addresses\n";
  for (const FoundAddress& found : report.addresses)
    text +=
        fmt::format("  {:26}{:>18}  {}{}\n", found.name,
                    found.linked ? hex(found.linked.value)
                                 : (found.needed ? "NOT FOUND" : "not found"),
                    found.linked ? "by " : "", found.how);
  if (!report.probes.probes.empty() || !report.probes.refused.empty())
    text += "\nprobes, at file offsets\n";
  for (const PlannedProbe& probe : report.probes.probes)
    text += fmt::format("  {:14}{:>12}  {} ({})  {}\n", probe.name,
                        hex(probe.file_offset), probe.instruction,
                        hex_bytes(probe.bytes), probe.symbol);
  for (const RefusedProbe& probe : report.probes.refused)
    text += fmt::format("  {:14}     refused  {}\n", probe.name, probe.why);
  text +=
      report.refused.empty()
          ? "\nIts tasks can be listed.\n"
          : fmt::format("\nIts tasks cannot be listed: {}\n", report.refused);
  return text;
}

}  // namespace

Result<LayoutAnswer> describe_layout(const LayoutOptions& options) {
  TRY(const Subject subject, open_subject(options));
  // The file may be hostile: what reads it has no right that it does not need.
  constexpr std::array<int, 2> kKeep = {CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH};
  TRY(keep_only_capabilities(kKeep));
  TRY(const BinaryReport report, describe(subject));
  TRY(const ElfFile elf, ElfFile::open(subject.fd()));
  const auto render =
      options.format == OutputFormat::kJson ? &as_json : &as_text;
  return LayoutAnswer{.text = render(subject, elf.build_id(), report),
                      .refused = report.refused};
}

}  // namespace taskleak
