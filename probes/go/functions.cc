// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The line table lists the wrappers between Go's two calling conventions under
// the name of what they wrap: they are left out.
#include "probes/go/functions.h"

namespace taskleak {

GoFunctions::GoFunctions(const Image& image, const Pclntab& table)
    : image_(image), table_(table) {
  if (image.elf().has_symtab()) return;
  for (std::size_t i = 0; i < table.count(); ++i) {
    const auto function = table.function(i);
    if (!function || table.is_wrapper(*function)) continue;
    const std::string_view name = table.name(*function);
    if (!name.starts_with("runtime.")) continue;
    if (const auto [at, fresh] = by_name_.emplace(name, i); !fresh)
      at->second = kAmbiguous;
  }
}

std::optional<FunctionCode> GoFunctions::find(std::string_view name) const {
  if (image_.elf().has_symtab()) {
    const auto symbol = image_.elf().symbol(name);
    if (!symbol) return std::nullopt;
    return FunctionCode{symbol->address, symbol->size};
  }
  const auto found = by_name_.find(name);
  if (found == by_name_.end() || found->second == kAmbiguous)
    return std::nullopt;
  const auto function = table_.function(found->second);
  const std::uint64_t end = table_.end_of(found->second);
  if (!function || end <= function->entry) return std::nullopt;
  return FunctionCode{image_.linked(Addr{function->entry}),
                      end - function->entry};
}

Result<std::span<const std::byte>> GoFunctions::code(
    const FunctionCode& function) const {
  return image_.elf().at(function.entry, function.size);
}

const char* GoFunctions::source() const {
  return image_.elf().has_symtab() ? "symbols" : "pclntab";
}

}  // namespace taskleak
