// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Order matters: descriptors and limits first, capabilities next (dropping
// them needs one), the filter last, since it forbids what came before.
#include "reader/sandbox.h"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <memory>
#include <new>
#include <utility>

#include "base/fd.h"
#include "base/privilege.h"

namespace taskleak {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

constexpr rlim_t kMaxOpenFiles = 64;

// Allowed whatever their arguments: reading, memory of our own, time, waiting,
// our signals, the socket that is open already.
constexpr int kAllowed[] = {SCMP_SYS(read),
                            SCMP_SYS(pread64),
                            SCMP_SYS(readv),
                            SCMP_SYS(write),
                            SCMP_SYS(close),
                            SCMP_SYS(fstat),
                            SCMP_SYS(newfstatat),
                            SCMP_SYS(statx),
                            SCMP_SYS(lseek),
                            SCMP_SYS(readlink),
                            SCMP_SYS(readlinkat),
                            SCMP_SYS(getdents64),
                            SCMP_SYS(access),
                            SCMP_SYS(faccessat2),
                            SCMP_SYS(process_vm_readv),
                            SCMP_SYS(pidfd_open),
                            SCMP_SYS(munmap),
                            SCMP_SYS(mremap),
                            SCMP_SYS(madvise),
                            SCMP_SYS(brk),
                            SCMP_SYS(futex),
                            SCMP_SYS(poll),
                            SCMP_SYS(ppoll),
                            SCMP_SYS(recvfrom),
                            SCMP_SYS(sendto),
                            SCMP_SYS(clock_gettime),
                            SCMP_SYS(clock_getres),
                            SCMP_SYS(gettimeofday),
                            SCMP_SYS(clock_nanosleep),
                            SCMP_SYS(nanosleep),
                            SCMP_SYS(sched_yield),
                            SCMP_SYS(getpid),
                            SCMP_SYS(gettid),
                            SCMP_SYS(getuid),
                            SCMP_SYS(geteuid),
                            SCMP_SYS(getrandom),
                            SCMP_SYS(sysinfo),
                            SCMP_SYS(sched_getaffinity),
                            SCMP_SYS(rt_sigaction),
                            SCMP_SYS(rt_sigprocmask),
                            SCMP_SYS(rt_sigreturn),
                            SCMP_SYS(sigaltstack),
                            SCMP_SYS(restart_syscall),
                            SCMP_SYS(exit),
                            SCMP_SYS(exit_group)};

Status check_os(int result, const char* what) {
  if (result < 0) return fail_os(what, errno);
  return {};
}

Status tie_to_parent(pid_t parent) {
  TRY(check_os(prctl(PR_SET_PDEATHSIG, SIGKILL), "tying to the parent"));
  // It may have died before the line above.
  if (getppid() != parent) return fail(Errc::kGone, "the parent has ended");
  return {};
}

/// Ctrl-C and a service stop are the parent's to handle; it ends us.
void reset_signals() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE})
    std::signal(number, SIG_IGN);
  for (const int number : {SIGSEGV, SIGBUS, SIGABRT, SIGCHLD})
    std::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// Leaves /dev/null as 0 and 1, stderr, and the socket.
Status close_other_files(int socket) {
  const Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.valid()) return fail_os("opening /dev/null", errno);
  TRY(check_os(dup2(null.get(), STDIN_FILENO), "replacing stdin"));
  TRY(check_os(dup2(null.get(), STDOUT_FILENO), "replacing stdout"));
  const auto keep = static_cast<unsigned>(socket);
  if (keep > STDERR_FILENO + 1)
    TRY(check_os(close_range(STDERR_FILENO + 1, keep - 1, 0), "closing files"));
  return check_os(close_range(keep + 1, ~0U, 0), "closing files");
}

Status limit(__rlimit_resource resource, rlim_t value) {
  const rlimit both{value, value};
  return check_os(setrlimit(resource, &both), "setting a limit");
}

Status limit_resources(std::uint64_t memory_bytes) {
  // Sanitizers map terabytes of addresses for their shadow.
  if (!kSanitized) TRY(limit(RLIMIT_AS, memory_bytes));
  TRY(limit(RLIMIT_CORE, 0));
  TRY(limit(RLIMIT_NOFILE, kMaxOpenFiles));
  std::set_new_handler([] { _exit(kExitMemoryCap); });
  return check_os(prctl(PR_SET_DUMPABLE, 0), "forbidding dumps");
}

using Filter = std::unique_ptr<void, Call<seccomp_release>>;

Status allow(const Filter& filter, int call) {
  const int result = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0);
  if (result != 0) return fail_os("adding to the filter", -result);
  return {};
}

Status allow_if(const Filter& filter, int call, scmp_arg_cmp condition) {
  const int result =
      seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, call, 1, &condition);
  if (result != 0) return fail_os("adding to the filter", -result);
  return {};
}

/// No bit of `mask` in argument `index`.
scmp_arg_cmp without(unsigned index, scmp_datum_t mask) {
  return {index, SCMP_CMP_MASKED_EQ, mask, 0};
}

scmp_arg_cmp equals(unsigned index, scmp_datum_t value) {
  return {index, SCMP_CMP_EQ, value, 0};
}

/// What is allowed with certain arguments only: opening to read, memory
/// without code, reading limits, signals to ourselves (abort).
Status allow_some(const Filter& filter) {
  constexpr scmp_datum_t kWrites = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;
  TRY(allow_if(filter, SCMP_SYS(open), without(1, kWrites)));
  TRY(allow_if(filter, SCMP_SYS(openat), without(2, kWrites)));
  TRY(allow_if(filter, SCMP_SYS(mmap), without(2, PROT_EXEC)));
  TRY(allow_if(filter, SCMP_SYS(mprotect), without(2, PROT_EXEC)));
  TRY(allow_if(filter, SCMP_SYS(prlimit64), equals(2, 0)));
  return allow_if(filter, SCMP_SYS(tgkill),
                  equals(0, static_cast<scmp_datum_t>(getpid())));
}

/// Forbidden calls fail with EPERM: a library that tries one goes on without
/// it. Loading the filter also sets no-new-privileges.
Status install_filter() {
  const Filter filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)));
  if (!filter) return fail(Errc::kOs, "making the filter");
  for (const int call : kAllowed) TRY(allow(filter, call));
  // They also ask through a pipe whether an object can be read.
  if (kSanitized) TRY(allow(filter, SCMP_SYS(pipe2)));
  TRY(allow_some(filter));
  if (const int result = seccomp_load(filter.get()); result != 0)
    return fail_os("installing the filter", -result);
  return {};
}

}  // namespace

Status enter_sandbox(pid_t parent, int socket, std::uint64_t memory_bytes) {
  TRY(tie_to_parent(parent));
  reset_signals();
  TRY(close_other_files(socket));
  TRY(limit_resources(memory_bytes));
  TRY(keep_only_capabilities(kReaderCapabilities));
  return install_filter();
}

}  // namespace taskleak
