// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// What makes the reader harmless when a hostile target fools it: limits,
// capabilities and a seccomp filter. A system call outside the list fails with
// EPERM.
#include <fcntl.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <array>
#include <cerrno>
#include <memory>
#include <type_traits>

#include "base/fd.h"
#include "base/privilege.h"
#include "reader/child.h"

namespace taskleak {
namespace {

using FilterPtr = std::unique_ptr<std::remove_pointer_t<scmp_filter_ctx>,
                                  Call<seccomp_release>>;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;  // shadow memory is terabytes of addresses
#else
constexpr bool kSanitized = false;
#endif

constexpr std::array kAllowed = {
    // reading the target, its /proc files and its executable
    SCMP_SYS(process_vm_readv), SCMP_SYS(read), SCMP_SYS(pread64),
    SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(fstat),
    SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(lseek), SCMP_SYS(close),
    SCMP_SYS(getdents64), SCMP_SYS(access), SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2), SCMP_SYS(fcntl), SCMP_SYS(dup), SCMP_SYS(pidfd_open),
    // the channel
    SCMP_SYS(ppoll), SCMP_SYS(poll), SCMP_SYS(recvfrom), SCMP_SYS(sendto),
    // memory, time and the C library's own needs
    SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap),
    SCMP_SYS(mprotect), SCMP_SYS(madvise), SCMP_SYS(futex),
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
    SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid),
    SCMP_SYS(getrandom), SCMP_SYS(sysinfo), SCMP_SYS(uname),
    SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall),
    SCMP_SYS(exit), SCMP_SYS(exit_group)};

Status limit(__rlimit_resource which, rlim_t value) {
  const rlimit both{.rlim_cur = value, .rlim_max = value};
  if (setrlimit(which, &both) != 0) return fail_os("setting a limit", errno);
  return {};
}

Status allow(const FilterPtr& filter) {
  for (const int call : kAllowed) {
    if (const int error =
            seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0);
        error != 0)
      return fail_os("allowing a system call", -error);
  }
  // Files are opened for reading alone.
  const auto read_only =
      SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY);
  if (const int error = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW,
                                         SCMP_SYS(openat), 1, read_only);
      error != 0)
    return fail_os("allowing openat", -error);
  // stderr, for the sanitizers' and the C library's last words.
  if (const int error =
          seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
                           SCMP_A0(SCMP_CMP_EQ, 2));
      error != 0)
    return fail_os("allowing write to stderr", -error);
  return {};
}

Status install_filter() {
  const FilterPtr filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)));
  if (!filter) return fail(Errc::kOs, "no seccomp filter can be made");
  TRY(allow(filter));
  if (const int error = seccomp_load(filter.get()); error != 0)
    return fail_os("loading the seccomp filter", -error);
  return {};
}

}  // namespace

Status lock_in(const ReaderLimits& limits) {
  constexpr std::array<int, 2> kKept = {CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH};
  TRY(limit(RLIMIT_CORE, 0));
  if (!kSanitized) TRY(limit(RLIMIT_AS, limits.memory_bytes));
  TRY(keep_only_capabilities(kKept));
  // Whoever has our user id must not attach to us: we hold a target's bytes.
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
    return fail_os("forbidding dumps", errno);
  return install_filter();
}

}  // namespace taskleak
