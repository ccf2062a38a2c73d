// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Failures over the pipe; see reader/codec.h.
#include "reader/codec.h"

namespace taskleak {

std::string encode_error(const Error& error) {
  // Address and errno are kept apart, so that the text is not said twice.
  Encoder encoder;
  encoder(error.code(), error.text(), error.address(), error.os_error());
  return encoder.take();
}

Error decode_error(std::string_view bytes) {
  Decoder decoder(bytes);
  Errc code{};
  std::string text;
  std::uint64_t address = 0;
  int os_error = 0;
  decoder(code, text, address, os_error);
  if (!decoder.complete())
    return {Errc::kCorrupt, "the reader sent an error that does not decode"};
  return {code, std::move(text), address, os_error};
}

}  // namespace taskleak
