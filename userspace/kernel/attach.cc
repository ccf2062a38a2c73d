// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The path given to the kernel is /proc/self/fd/N of the descriptor that was
// planned on: the same inode, whatever became of its name, also in containers.
#include "kernel/attach.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace taskleak {
namespace {

LinkPtr attach_multi(bpf_program* program, pid_t pid, const std::string& path,
                     std::uint64_t file_offset, std::uint64_t cookie) {
  const unsigned long offset = file_offset;
  const __u64 value = cookie;
  auto options = libbpf_options<bpf_uprobe_multi_opts>();
  options.offsets = &offset;
  options.cookies = &value;
  options.cnt = 1;
  return LinkPtr(bpf_program__attach_uprobe_multi(program, pid, path.c_str(),
                                                  nullptr, &options));
}

LinkPtr attach_perf(bpf_program* program, pid_t pid, const std::string& path,
                    std::uint64_t file_offset, std::uint64_t cookie) {
  auto options = libbpf_options<bpf_uprobe_opts>();
  options.bpf_cookie = cookie;
  // else libbpf would fall back to tracefs, which outlives us
  options.attach_mode = PROBE_ATTACH_MODE_LINK;
  return LinkPtr(bpf_program__attach_uprobe_opts(program, pid, path.c_str(),
                                                 file_offset, &options));
}

}  // namespace

Status check_bytes(int exe_fd, const PlannedProbe& probe) {
  std::vector<std::uint8_t> found(probe.bytes.size());
  const ssize_t size = pread(exe_fd, found.data(), found.size(),
                             static_cast<off_t>(probe.file_offset));
  if (size < 0) return fail_os("reading the executable", errno);
  if (probe.bytes.empty() || static_cast<std::size_t>(size) != found.size() ||
      !std::ranges::equal(found, probe.bytes))
    return fail(Errc::kCorrupt,
                fmt::format("{}: the executable does not have `{}` at offset "
                            "0x{:x}",
                            probe.name, probe.instruction, probe.file_offset));
  return {};
}

Result<LinkPtr> attach_probe(const LoadedObject& object,
                             const PlannedProbe& probe, pid_t pid, int exe_fd,
                             std::uint64_t cookie) {
  const std::string path = fmt::format("/proc/self/fd/{}", exe_fd);
  bpf_program* program = object.program(probe.program);
  LinkPtr link =
      object.mechanism == Mechanism::kUprobeMulti
          ? attach_multi(program, pid, path, probe.file_offset, cookie)
          : attach_perf(program, pid, path, probe.file_offset, cookie);
  if (!link) {
    const int error = errno;
    return fail_os(
        fmt::format("attaching {}: {}", probe.name, libbpf_complaint()), error);
  }
  return link;
}

}  // namespace taskleak
