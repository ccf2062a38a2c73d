// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Each rule gives the addresses that would do; a global is what is left when
// only those are kept that every rule of it allows.
#include "probes/go/global_finder.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "target/memory.h"

namespace taskleak {
namespace {

using Places = std::set<Addr>;
using References = std::vector<DataReference>;

constexpr std::uint64_t kWord = 8;
constexpr std::uint64_t kStringBytes = 16;
/// runtime2.go has some 50 wait reasons.
constexpr std::uint64_t kMaxReasons = 128;
/// Rules of one global that must have something to say.
constexpr int kMinWitnesses = 2;

bool in_data(const ElfFile& elf, Addr at) {
  return std::ranges::any_of(elf.segments(), [&](const ElfSegment& segment) {
    return segment.writable && segment.holds(at);
  });
}

class Rules {
 public:
  Rules(const Image& image, const GoFunctions& functions,
        const GoLayout& layout)
      : image_(image), functions_(functions), layout_(layout) {}

  /// The addresses that a rule allows; nothing when it cannot be asked.
  std::optional<Places> ask(const GlobalRule& rule) {
    const References* all = references(rule.function);
    if (all == nullptr) return std::nullopt;
    Addr callee;
    if (rule.callee != nullptr) {
      const auto function = functions_.find(rule.callee);
      if (!function) return std::nullopt;
      callee = function->entry;
    }
    const std::uint32_t field = rule.field == nullptr ? 0 : rule.field(layout_);
    if (!GoLayout::has(field)) return std::nullopt;
    Places places;
    for (const DataReference& reference : *all) {
      if (reference.use != rule.use || reference.callee != callee ||
          (rule.bytes != 0 && reference.bytes != rule.bytes))
        continue;
      const Addr at = reference.at - field;
      if (rule.place == RulePlace::kSlice && !is_slice(*all, at)) continue;
      if (in_data(image_.elf(), at)) places.insert(at);
    }
    return places;
  }

 private:
  static bool is_slice(const References& all, Addr at) {
    const auto referred = [&](Addr word) {
      return std::ranges::any_of(all, [&](const DataReference& r) {
        return r.at == word && r.bytes == kWord;
      });
    };
    return referred(at + kWord) && referred(at + 2 * kWord);
  }

  /// Of the function, nullptr when it is not there or cannot be read.
  const References* references(const char* name) {
    const auto [known, fresh] = references_.try_emplace(name);
    if (fresh) {
      if (const auto function = functions_.find(name)) {
        const auto code = functions_.code(*function);
        if (code)
          if (auto found = find_references(*code, function->entry))
            known->second = *std::move(found);
      }
    }
    return known->second ? &*known->second : nullptr;
  }

  const Image& image_;
  const GoFunctions& functions_;
  const GoLayout& layout_;
  std::map<std::string_view, std::optional<References>> references_;
};

/// What the rules of one global have said so far.
struct Verdict {
  std::optional<Places> agreed;
  int witnesses = 0;
  std::string ways, silent;

  void hear(const GlobalRule& rule, const std::optional<Places>& places) {
    std::string& list = places ? ways : silent;
    list += fmt::format("{}{}{} ({})", list.empty() ? "" : ", ",
                        rule.excludes ? "not " : "", rule.function,
                        data_use_name(rule.use));
    if (!places) return;
    if (!rule.excludes) ++witnesses;
    if (!agreed && !rule.excludes) agreed = *places;
    if (agreed)
      std::erase_if(*agreed, [&](Addr at) {
        return places->contains(at) == rule.excludes;
      });
  }
};

/// What all rules of `global` agree on; those that exclude stand last.
FoundGlobal by_rules(Rules& rules, GoGlobal global) {
  FoundGlobal found;
  Verdict verdict;
  for (const GlobalRule& rule : kGlobalRules)
    if (rule.global == global) verdict.hear(rule, rules.ask(rule));
  const Places agreed = verdict.agreed.value_or(Places{});
  if (verdict.witnesses < kMinWitnesses)
    found.how = fmt::format("too few functions refer to it; not there: {}",
                            verdict.silent);
  else if (agreed.size() != 1)
    found.how =
        fmt::format("{} places would do by {}", agreed.size(), verdict.ways);
  else
    found = {.linked = *agreed.begin(), .how = "code of " + verdict.ways};
  return found;
}

/// A string header of the file; nothing when it leads nowhere.
std::optional<std::string_view> string_of(const Image& image,
                                          const Record& header) {
  const std::uint64_t length = header.u64(kWord);
  constexpr std::uint64_t kMaxBytes = 64;
  if (length > kMaxBytes) return std::nullopt;
  if (length == 0) return std::string_view();
  const auto text = image.elf().at(header.addr(0), length);
  if (!text) return std::nullopt;
  return std::string_view(reinterpret_cast<const char*>(text->data()), length);
}

bool printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

/// Are there `count` wait reasons at `at`? The first is "", since 0 says none.
bool are_reasons(const Image& image, Addr at, std::uint64_t count) {
  bool receive = false;
  bool select = false;
  const auto table = image.data(at, count * kStringBytes);
  if (!table) return false;
  for (std::uint64_t i = 0; i < count; ++i) {
    const Record header{std::span(*table).subspan(i * kStringBytes)};
    const auto text = string_of(image, header);
    if (!text || !printable(*text) || text->empty() != (i == 0)) return false;
    receive |= *text == "chan receive";
    select |= *text == "select";
  }
  return receive && select;
}

/// How many there are, by the code that bounds them; 0 when it does not tell.
std::uint64_t count_reasons(const GoFunctions& functions) {
  const auto function = functions.find(kWaitReasonBound);
  if (!function) return 0;
  const auto code = functions.code(*function);
  if (!code) return 0;
  const auto constants = compared_constants(*code, function->entry);
  return constants && constants->size() == 1 ? constants->front() : 0;
}

/// Drops what does not hold wait reasons, and says how long the list is.
std::uint64_t check_reasons(const Image& image, const GoFunctions& functions,
                            FoundGlobal& found) {
  if (!found.linked) return 0;
  const std::uint64_t count = count_reasons(functions);
  if (count != 0 && count <= kMaxReasons &&
      are_reasons(image, found.linked, count))
    return count * kStringBytes;
  found.linked = {};
  found.how = "the place that the code names holds no wait reasons";
  return 0;
}

FoundGlobal by_symbol(const ElfFile& elf, const char* name) {
  FoundGlobal found;
  if (const auto symbol = elf.symbol(name))
    found = {.symbol = name, .linked = symbol->address, .how = "symbol"};
  else
    found.how = "the binary has symbols, but not this one";
  return found;
}

}  // namespace

GoGlobalSearch search_globals(const Image& image, const GoFunctions& functions,
                              const GoLayout& layout, GoVersion version) {
  GoGlobalSearch search;
  const ElfFile& elf = image.elf();
  Rules rules(image, functions, layout);
  for (int i = 0; i < kGoGlobals; ++i) {
    const GoGlobalName& name = kGoGlobalNames[i];
    FoundGlobal& found = search.found[i];
    if (version.minor < name.first_minor)
      found.how = fmt::format("comes with Go 1.{}", name.first_minor);
    else if (elf.has_symtab())
      found = by_symbol(elf, name.symbol);
    else
      found = by_rules(rules, static_cast<GoGlobal>(i));
    found.symbol = name.symbol;
    found.needed = name.needed;
  }
  FoundGlobal& reasons =
      search.found[static_cast<std::size_t>(GoGlobal::kWaitReasonStrings)];
  const auto symbol = elf.symbol(reasons.symbol);
  search.wait_reasons_bytes =
      symbol ? symbol->size : check_reasons(image, functions, reasons);
  return search;
}

Result<GoGlobals> live_globals(const Image& image, const GoGlobalSearch& search,
                               Addr moduledata) {
  for (const FoundGlobal& found : search.found)
    if (found.needed && !found.linked)
      return fail(Errc::kUnsupported,
                  fmt::format("{} was not found in this Go program: {}",
                              found.symbol, found.how));
  const auto live = [&](GoGlobal global) {
    const Addr linked = search.of(global).linked;
    return linked ? image.live(linked) : Addr{};
  };
  return GoGlobals{.allgptr = live(GoGlobal::kAllgptr),
                   .allglen = live(GoGlobal::kAllglen),
                   .allp = live(GoGlobal::kAllp),
                   .sched = live(GoGlobal::kSched),
                   .memstats = live(GoGlobal::kMemstats),
                   .moduledata = image.live(moduledata),
                   .wait_reasons = live(GoGlobal::kWaitReasonStrings),
                   .wait_reasons_bytes = search.wait_reasons_bytes,
                   .allm = live(GoGlobal::kAllm),
                   .mheap = live(GoGlobal::kMheap),
                   .semtable = live(GoGlobal::kSemtable),
                   .allfin = live(GoGlobal::kAllfin),
                   .gc_cleanups = live(GoGlobal::kGcCleanups)};
}

}  // namespace taskleak
