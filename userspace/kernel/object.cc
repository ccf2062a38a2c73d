// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Asks the kernel before it loads, so that a person reads what is missing and
// not what the verifier said. Where uprobe_multi links lack or their pid
// filter is wrong (6.6 to 6.9 follow one thread only), perf-event links serve;
// they cost the same a hit.
#include "kernel/object.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <utility>

#include "base/log.h"
#include "go.skel.h"

namespace taskleak {
namespace {

constexpr const char* kKernelBtf = "/sys/kernel/btf/vmlinux";
/// Inodes of the initial namespaces, fixed by the kernel (PROC_PID_INIT_INO,
/// PROC_USER_INIT_INO of include/linux/proc_ns.h).
constexpr ino_t kInitialPidNamespace = 0xEFFFFFFCU;
constexpr ino_t kInitialUserNamespace = 0xEFFFFFFDU;
constexpr std::size_t kMaxComplaintBytes = 64 * 1024;

thread_local std::string complaint;

int keep_complaint(libbpf_print_level level, const char* format,
                   va_list arguments) {
  if (level == LIBBPF_DEBUG || complaint.size() > kMaxComplaintBytes) return 0;
  std::array<char, 2048> line{};
  std::vsnprintf(line.data(), line.size(), format, arguments);
  complaint += line.data();
  return 0;
}

std::string release() {
  utsname name{};
  return uname(&name) == 0 ? name.release : "unknown";
}

/// 6.6 as 606; 0 when the release does not begin with numbers.
int release_number() {
  int major = 0;
  int minor = 0;
  if (std::sscanf(release().c_str(), "%d.%d", &major, &minor) != 2) return 0;
  return major * 100 + minor;
}

Status check_kernel() {
  struct stat info{};
  if (stat(kKernelBtf, &info) != 0)
    return fail(Errc::kUnsupported,
                fmt::format("kernel {} has no BTF ({}), which probes need; run "
                            "with --no-probes",
                            release(), kKernelBtf));
  if (libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_get_attach_cookie,
                              nullptr) != 1)
    return fail(Errc::kUnsupported,
                fmt::format("kernel {} has no attach cookies for uprobes (5.15 "
                            "and newer have), which probes need; run with "
                            "--no-probes",
                            release()));
  return {};
}

/// Can the kernel make uprobe_multi links? It tells by what it complains of
/// first: a link type it does not know, or a path that is no file.
bool kernel_has_uprobe_multi() {
  const std::array<bpf_insn, 2> code = {
      bpf_insn{.code = BPF_ALU64 | BPF_MOV | BPF_K,
               .dst_reg = BPF_REG_0,
               .src_reg = 0,
               .off = 0,
               .imm = 0},
      bpf_insn{.code = BPF_JMP | BPF_EXIT,
               .dst_reg = 0,
               .src_reg = 0,
               .off = 0,
               .imm = 0}};
  auto load_options = libbpf_options<bpf_prog_load_opts>();
  load_options.expected_attach_type = BPF_TRACE_UPROBE_MULTI;
  const Fd program(bpf_prog_load(BPF_PROG_TYPE_KPROBE, nullptr, "GPL",
                                 code.data(), code.size(), &load_options));
  if (!program.valid()) return false;
  auto options = libbpf_options<bpf_link_create_opts>();
  const unsigned long offset = 0;
  options.uprobe_multi.path = "/";
  options.uprobe_multi.offsets = &offset;
  options.uprobe_multi.cnt = 1;
  const Fd link(
      bpf_link_create(program.get(), -1, BPF_TRACE_UPROBE_MULTI, &options));
  return !link.valid() && errno == EBADF;
}

Mechanism choose_mechanism(const KernelLimits& limits) {
  const int number = release_number();
  const bool wrong_pid_filter = number >= 606 && number <= 609;
  return limits.uprobe_multi && !wrong_pid_filter && kernel_has_uprobe_multi()
             ? Mechanism::kUprobeMulti
             : Mechanism::kPerfEvent;
}

Status size_maps(taskleak_bpf& object, const KernelLimits& limits) {
  const std::array<std::pair<bpf_map*, std::uint32_t>, 3> sizes = {
      std::pair{object.maps.sites, limits.sites},
      std::pair{object.maps.parks, limits.parks},
      std::pair{object.maps.waits, limits.waits}};
  for (const auto& [map, entries] : sizes)
    if (const int error = bpf_map__set_max_entries(map, entries); error != 0)
      return fail_os("sizing a map", -error);
  return {};
}

bool in_namespace(const char* path, ino_t initial) {
  struct stat info{};
  return stat(path, &info) == 0 && info.st_ino == initial;
}

/// Capabilities of another user namespace count for nothing here.
Status check_user_namespace() {
  if (in_namespace("/proc/self/ns/user", kInitialUserNamespace)) return {};
  return fail(Errc::kUnsupported,
              "probes need CAP_BPF and CAP_PERFMON in the host's user "
              "namespace, and this container has one of its own");
}

}  // namespace

void destroy_object(taskleak_bpf* object) { taskleak_bpf__destroy(object); }

std::string libbpf_complaint() {
  std::string all = std::exchange(complaint, {});
  if (!all.empty()) log(LogLevel::kDebug, "libbpf", {{"said", all}});
  while (!all.empty() && all.back() == '\n') all.pop_back();
  const std::size_t last = all.rfind('\n');
  return last == std::string::npos ? all : all.substr(last + 1);
}

Result<LoadedObject> load_object(const KernelLimits& limits) {
  libbpf_set_print(keep_complaint);
  TRY(check_user_namespace());
  // first what any mechanism needs: without it the kernel tells nothing
  TRY(check_capabilities(Mechanism::kUprobeMulti));
  TRY(check_kernel());
  LoadedObject result;
  result.mechanism = choose_mechanism(limits);
  TRY(check_capabilities(result.mechanism));
  result.initial_pid_namespace =
      in_namespace("/proc/self/ns/pid", kInitialPidNamespace);
  result.object.reset(taskleak_bpf__open());
  if (!result.object)
    return fail_os("opening the BPF object: " + libbpf_complaint(), errno);
  TRY(size_maps(*result.object, limits));
  for (int i = 0; i < kProbePrograms; ++i)
    bpf_program__set_expected_attach_type(
        result.program(static_cast<ProbeProgram>(i)),
        result.mechanism == Mechanism::kUprobeMulti
            ? BPF_TRACE_UPROBE_MULTI
            : static_cast<bpf_attach_type>(0));
  if (const int error = taskleak_bpf__load(result.object.get()); error != 0)
    return fail_os("loading the BPF programs: " + libbpf_complaint(), -error);
  return result;
}

bpf_program* LoadedObject::program(ProbeProgram which) const {
  switch (which) {
    case ProbeProgram::kGoCreate: return object->progs.go_create;
    case ProbeProgram::kGoEnd: return object->progs.go_end;
    case ProbeProgram::kGoPark: return object->progs.go_park;
    case ProbeProgram::kGoReady: return object->progs.go_ready;
  }
  return nullptr;
}

int LoadedObject::targets_map() const {
  return bpf_map__fd(object->maps.targets);
}
int LoadedObject::counters_map() const {
  return bpf_map__fd(object->maps.counters);
}
int LoadedObject::sites_map() const { return bpf_map__fd(object->maps.sites); }
int LoadedObject::parks_map() const { return bpf_map__fd(object->maps.parks); }
int LoadedObject::waits_map() const { return bpf_map__fd(object->maps.waits); }

std::uint64_t LoadedObject::recursion_misses() const {
  std::uint64_t misses = 0;
  for (int i = 0; i < kProbePrograms; ++i) {
    bpf_prog_info info{};
    std::uint32_t size = sizeof(info);
    const int fd = bpf_program__fd(program(static_cast<ProbeProgram>(i)));
    if (bpf_prog_get_info_by_fd(fd, &info, &size) == 0)
      misses += info.recursion_misses;
  }
  return misses;
}

}  // namespace taskleak
