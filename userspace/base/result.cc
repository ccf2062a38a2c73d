// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The words of failures: codes to names, errno to codes, one line a person.
#include "base/result.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace taskleak {

std::string_view errc_name(Errc code) {
  switch (code) {
    case Errc::kGone: return "gone";
    case Errc::kDenied: return "denied";
    case Errc::kFault: return "fault";
    case Errc::kNotFound: return "not_found";
    case Errc::kUnsupported: return "unsupported";
    case Errc::kCorrupt: return "corrupt";
    case Errc::kLimit: return "limit";
    case Errc::kTimeout: return "timeout";
    case Errc::kUsage: return "usage";
    case Errc::kOs: return "os";
  }
  return "os";
}

Error Error::in(std::string_view context) && {
  text_ = fmt::format("{}: {}", context, text_);
  return std::move(*this);
}

std::string Error::message() const {
  std::string line = text_;
  if (address_ != 0) line += fmt::format(" at 0x{:x}", address_);
  if (os_error_ != 0) line += ": " + std::generic_category().message(os_error_);
  return line;
}

std::unexpected<Error> fail(Errc code, std::string text,
                            std::uint64_t address) {
  return std::unexpected(Error(code, std::move(text), address));
}

std::unexpected<Error> fail_os(std::string text, int os_error) {
  const Errc code = [os_error] {
    switch (os_error) {
      case ESRCH: return Errc::kGone;
      case EPERM:
      case EACCES: return Errc::kDenied;
      case ENOENT: return Errc::kNotFound;
      case EFAULT: return Errc::kFault;
      default: return Errc::kOs;
    }
  }();
  return std::unexpected(Error(code, std::move(text), 0, os_error));
}

void invariant_failed(const char* file, int line, const char* text) {
  std::fprintf(stderr, "task-leakd: broken invariant at %s:%d: %s\n", file,
               line, text);
  std::abort();
}

}  // namespace taskleak
