// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// How failures travel. The world fails (a process is gone, bytes are bad): a
// function returns Result<T>, whose Error has a code to branch on and a text
// for a person. We fail (a broken invariant): INVARIANT aborts. Nothing here
// throws.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace taskleak {

/// What kind of failure; callers branch on it, `main` maps it to an exit
/// status.
enum class Errc : std::uint8_t {
  kGone,         ///< the target exited, or its pid names another process now
  kDenied,       ///< we lack a right or a capability
  kFault,        ///< an address of the target cannot be read
  kNotFound,     ///< a symbol, file or section is not there
  kUnsupported,  ///< understood, and not something we can handle
  kCorrupt,      ///< bytes that cannot be what they should be
  kLimit,        ///< a named bound was reached
  kTimeout,      ///< a deadline passed
  kUsage,        ///< the user asked for something that makes no sense
  kOs,           ///< another error of the operating system, see os_error()
};

/// The name of a code as it stands in logs: "gone", "denied", ...
std::string_view errc_name(Errc code);

/// A failure of the world: code, text, and where known the address or errno.
class Error {
 public:
  Error(Errc code, std::string text, std::uint64_t address = 0,
        int os_error = 0)
      : text_(std::move(text)),
        address_(address),
        os_error_(os_error),
        code_(code) {}

  Errc code() const { return code_; }
  /// The text alone, without address and errno.
  const std::string& text() const { return text_; }
  std::uint64_t address() const { return address_; }
  /// errno of the call that failed, 0 when there was none.
  int os_error() const { return os_error_; }
  /// The same error with `context` in front: "reading allgs: bad address".
  Error in(std::string_view context) &&;
  /// One line for a person: text, then address and errno's words where known.
  std::string message() const;

 private:
  std::string text_;
  std::uint64_t address_;
  int os_error_;
  Errc code_;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

/// `return fail(Errc::kCorrupt, "goid is 0", g.value);`
[[nodiscard]] std::unexpected<Error> fail(Errc code, std::string text,
                                          std::uint64_t address = 0);
/// A failed system call: keeps `os_error` (an errno value) and maps the common
/// ones to a code (ESRCH kGone, EPERM and EACCES kDenied, ENOENT kNotFound,
/// EFAULT kFault, the rest kOs).
[[nodiscard]] std::unexpected<Error> fail_os(std::string text, int os_error);

/// Prints the text with file and line on stderr and aborts.
[[noreturn]] void invariant_failed(const char* file, int line,
                                   const char* text);

#define INVARIANT(condition)    \
  (static_cast<bool>(condition) \
       ? static_cast<void>(0)   \
       : ::taskleak::invariant_failed(__FILE__, __LINE__, #condition))

#define TASKLEAK_CAT2(a, b) a##b
#define TASKLEAK_CAT(a, b) TASKLEAK_CAT2(a, b)
#define TASKLEAK_TRY2(decl, expr, tmp)                      \
  auto tmp = (expr);                                        \
  if (!tmp) return std::unexpected(std::move(tmp).error()); \
  decl = *std::move(tmp)
#define TASKLEAK_TRY1(expr)                            \
  if (auto taskleak_status = (expr); !taskleak_status) \
  return std::unexpected(std::move(taskleak_status).error())
#define TASKLEAK_PICK(a, b, name, ...) name
#define TASKLEAK_TRY_DECL(decl, expr) \
  TASKLEAK_TRY2(decl, expr, TASKLEAK_CAT(taskleak_result_, __LINE__))
/// `TRY(const Plan plan, make_plan());` declares or assigns; `TRY(check());`
/// is for a Status. Either returns the error to the caller. The one control
/// macro of the project.
#define TRY(...) \
  TASKLEAK_PICK(__VA_ARGS__, TASKLEAK_TRY_DECL, TASKLEAK_TRY1)(__VA_ARGS__)

}  // namespace taskleak
