// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Which capability is missing to load and attach, and the command that grants
// it. Asked before anything is tried, since the kernel only says EPERM. Making
// perf-event links takes CAP_SYS_ADMIN (seen on 6.18: EACCES with CAP_PERFMON).
#include <fmt/format.h>
#include <sys/capability.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <memory>
#include <type_traits>

#include "base/fd.h"
#include "kernel/object.h"

namespace taskleak {
namespace {

using Capabilities =
    std::unique_ptr<std::remove_pointer_t<cap_t>, Call<cap_free>>;

bool effective(cap_t of, cap_value_t capability) {
  cap_flag_value_t value = CAP_CLEAR;
  return cap_get_flag(of, capability, CAP_EFFECTIVE, &value) == 0 &&
         value == CAP_SET;
}

std::string own_path() {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = readlink("/proc/self/exe", path.data(), path.size());
  return size > 0 ? std::string(path.data(), static_cast<std::size_t>(size))
                  : "task-leakd";
}

}  // namespace

Status check_capabilities(Mechanism mechanism) {
  const Capabilities own(cap_get_proc());
  if (!own) return fail_os("reading our capabilities", errno);
  if (effective(own.get(), CAP_SYS_ADMIN)) return {};
  if (mechanism == Mechanism::kPerfEvent)
    return fail(Errc::kDenied,
                "CAP_SYS_ADMIN is missing, which probes need on a kernel "
                "without uprobe_multi links (6.6; usable from 6.10 on): start "
                "it with sudo, or run with --no-probes");
  const char* missing = nullptr;
  if (!effective(own.get(), CAP_BPF))
    missing = "CAP_BPF";
  else if (!effective(own.get(), CAP_PERFMON))
    missing = "CAP_PERFMON";
  if (missing == nullptr) return {};
  return fail(Errc::kDenied,
              fmt::format("{} is missing, which probes need: start it with "
                          "sudo, or grant it once with `sudo setcap cap_bpf,"
                          "cap_perfmon,cap_sys_ptrace+ep {}`, or run with "
                          "--no-probes",
                          missing, own_path()));
}

}  // namespace taskleak
