// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Drops capabilities through libcap; see base/privilege.h.
#include "base/privilege.h"

#include <sys/capability.h>
#include <sys/prctl.h>

#include <cerrno>
#include <memory>
#include <type_traits>

#include "base/fd.h"

namespace taskleak {
namespace {

using CapPtr = std::unique_ptr<std::remove_pointer_t<cap_t>, Call<cap_free>>;

}  // namespace

Status keep_only_capabilities(std::span<const int> kept) {
  const CapPtr now(cap_get_proc());
  const CapPtr next(cap_init());
  if (!now || !next) return fail_os("reading capabilities", errno);
  for (const cap_value_t capability : kept) {
    cap_flag_value_t held = CAP_CLEAR;
    cap_get_flag(now.get(), capability, CAP_PERMITTED, &held);
    if (held != CAP_SET) continue;
    cap_set_flag(next.get(), CAP_PERMITTED, 1, &capability, CAP_SET);
    cap_set_flag(next.get(), CAP_EFFECTIVE, 1, &capability, CAP_SET);
  }
  if (cap_set_proc(next.get()) != 0)
    return fail_os("dropping capabilities", errno);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return fail_os("forbidding new privileges", errno);
  return {};
}

}  // namespace taskleak
