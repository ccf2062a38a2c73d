// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Interning of frames, stacks and labels, and the rules of who owns a frame.
#include "probes/go/symbols.h"

#include <algorithm>
#include <array>
#include <utility>

namespace taskleak {
namespace {

/// The import path of "net/http.(*Server).Serve": all before the first dot
/// behind the last slash. Type arguments may hold slashes of their own.
std::string_view package_of(std::string_view function) {
  const std::string_view bare = function.substr(0, function.find('['));
  const std::size_t slash = bare.rfind('/');
  const std::size_t from = slash == std::string_view::npos ? 0 : slash + 1;
  return function.substr(0, function.find('.', from));
}

bool within(std::string_view path, std::string_view parent) {
  return path.starts_with(parent) &&
         (path.size() == parent.size() || path[parent.size()] == '/');
}

/// "main.Map[...]" of "main.Map[go.shape.int]", as Go prints it
/// (runtime/traceback.go printFuncName).
std::string shown_name(std::string_view function) {
  const std::size_t open = function.find('[');
  const std::size_t close = function.rfind(']');
  if (open == std::string_view::npos || close == std::string_view::npos ||
      close < open)
    return std::string(function);
  return std::string(function.substr(0, open)) + "[...]" +
         std::string(function.substr(close + 1));
}

GoRole role_of(std::string_view function) {
  static constexpr std::array<std::pair<std::string_view, GoRole>, 12> kRoles{{
      {"runtime.semacquire1", GoRole::kSemacquire},
      {"runtime.notifyListWait", GoRole::kNotifyWait},
      {"sync.runtime_notifyListWait", GoRole::kNotifyWait},
      {"sync.(*Cond).Wait", GoRole::kCondWait},
      {"runtime.netpollblock", GoRole::kNetpollBlock},
      {"sync.(*Mutex).lockSlow", GoRole::kMutexLock},
      {"sync.(*RWMutex).Lock", GoRole::kRwMutexLock},
      {"sync.(*RWMutex).RLock", GoRole::kRwMutexRLock},
      {"sync.(*WaitGroup).Wait", GoRole::kWaitGroupWait},
      {"runtime.asyncPreempt", GoRole::kInjected},
      {"runtime.sigpanic", GoRole::kInjected},
      {"runtime.debugCallV2", GoRole::kInjected},
  }};
  for (const auto& [name, role] : kRoles)
    if (function == name) return role;
  return GoRole::kNone;
}

std::uint64_t hash_of(std::span<const std::uint64_t> pcs) {
  std::uint64_t hash = pcs.size();
  for (const std::uint64_t pc : pcs) hash = mix64(hash + pc) * 31 + pc;
  return hash;
}

std::string key_of(const GoPlace& place) {
  std::string key(place.function);
  key += '\0';
  key += place.file;
  key += '\0';
  key += std::to_string(place.line);
  return key;
}

}  // namespace

Symbols::Symbols(const Pclntab& table, std::string main_module)
    : table_(table), main_module_(std::move(main_module)) {
  // The runtime's own files tell where those of the standard library are.
  constexpr std::string_view kRuntimeFiles = "/src/runtime/";
  constexpr std::uint64_t kStepBytes = 4096;
  for (std::uint64_t pc = table_.text(); pc < table_.etext();
       pc += kStepBytes) {
    const auto function = table_.find(pc);
    if (!function || !table_.name(*function).starts_with("runtime.")) continue;
    const std::string_view file =
        table_.places(*function, function->entry).back().file;
    const std::size_t at = file.rfind(kRuntimeFiles);
    if (at == std::string_view::npos) continue;
    goroot_src_ = std::string(file.substr(0, at)) + "/src/";
    break;
  }
}

PcInfo Symbols::describe(std::uint64_t pc) const {
  PcInfo info;
  const auto function = table_.find(pc);
  if (!function) return info;
  info.entry = function->entry;
  info.top_frame = function->top_frame();
  // cgocallback switches stacks too, but lays its frame so that the return
  // address on the goroutine's own is where that had called C.
  info.writes_sp =
      function->writes_sp() && table_.name(*function) != "runtime.cgocallback";
  info.role = role_of(table_.name(*function));
  const auto bytes = table_.frame_bytes(*function, pc);
  info.known = bytes.has_value();
  info.frame_bytes = bytes.value_or(0);
  return info;
}

const PcInfo& Symbols::pc_info(std::uint64_t pc) {
  std::uint32_t index = pc_index_.find(pc);
  if (index == FlatMap::kMissing) {
    static const PcInfo kNothing;
    if (pcs_.size() >= kMaxEntries) return kNothing;
    index = static_cast<std::uint32_t>(pcs_.size());
    pcs_.push_back(describe(pc));
    pc_index_.insert(pc, index);
  }
  return pcs_[index];
}

FrameOwner Symbols::owner_of(std::string_view function,
                             std::string_view file) const {
  const std::string_view package = package_of(function);
  if (package == "main") return FrameOwner::kUser;
  if (!main_module_.empty() && within(package, main_module_))
    return FrameOwner::kUser;
  const bool standard =
      goroot_src_.empty()
          ? package.substr(0, package.find('/')).find('.') ==
                std::string_view::npos
          : file.starts_with(goroot_src_) || file == "<autogenerated>";
  if (!standard) return FrameOwner::kUser;
  if (package == "runtime" || package.starts_with("runtime/") ||
      package.starts_with("internal/"))
    return FrameOwner::kRuntime;
  return FrameOwner::kLibrary;
}

FrameId Symbols::intern(const GoPlace& place) {
  std::string key = key_of(place);
  if (const auto found = frame_ids_.find(key); found != frame_ids_.end())
    return FrameId{found->second};
  if (frames_.size() >= kMaxEntries) {
    ++overflows_;
    return FrameId::none();
  }
  const auto id = static_cast<std::uint32_t>(frames_.size());
  frames_.push_back({shown_name(place.function), std::string(place.file),
                     place.line, owner_of(place.function, place.file)});
  frame_roles_.push_back(role_of(place.function));
  frame_ids_.emplace(std::move(key), id);
  return FrameId{id};
}

std::uint32_t Symbols::frames_of(std::uint64_t pc) {
  const std::uint32_t known = frame_spans_index_.find(pc);
  if (known != FlatMap::kMissing) return known;
  Span span{static_cast<std::uint32_t>(pc_frames_.size()), 0};
  // A goroutine that never ran stands at its function's first byte; any other
  // address is one to return to, behind the call.
  const auto at_pc = table_.find(pc);
  const std::uint64_t call = at_pc && at_pc->entry == pc ? pc : pc - 1;
  if (const auto function = table_.find(call); function) {
    for (const GoPlace& place : table_.places(*function, call)) {
      if (place.wrapper) continue;
      const FrameId frame = intern(place);
      if (!frame.valid()) continue;
      pc_frames_.push_back(frame);
      ++span.count;
    }
  }
  const auto index = static_cast<std::uint32_t>(frame_spans_.size());
  frame_spans_.push_back(span);
  frame_spans_index_.insert(pc, index);
  return index;
}

FrameId Symbols::frame_at(std::uint64_t pc) {
  if (pc == 0 || frame_spans_.size() >= kMaxEntries) return FrameId::none();
  const Span span = frame_spans_[frames_of(pc)];
  return span.count == 0 ? FrameId::none() : pc_frames_[span.first];
}

StackId Symbols::stack(std::span<const std::uint64_t> pcs) {
  if (pcs.empty()) return StackId::none();
  // Two stacks of one hash are told apart by trying the next key.
  std::uint64_t hash = hash_of(pcs);
  for (std::uint32_t id = stack_index_.find(hash); id != FlatMap::kMissing;
       id = stack_index_.find(++hash)) {
    const Span& span = stack_spans_[id];
    if (std::ranges::equal(
            std::span(stack_pcs_).subspan(span.first, span.count), pcs))
      return StackId{id};
  }
  if (stacks_.size() >= kMaxEntries || frame_spans_.size() >= kMaxEntries) {
    ++overflows_;
    return StackId::none();
  }
  const auto id = static_cast<std::uint32_t>(stacks_.size());
  stack_spans_.push_back({static_cast<std::uint32_t>(stack_pcs_.size()),
                          static_cast<std::uint32_t>(pcs.size())});
  stack_pcs_.insert(stack_pcs_.end(), pcs.begin(), pcs.end());
  stack_index_.insert(hash, id);
  std::vector<FrameId>& frames = stacks_.emplace_back();
  for (const std::uint64_t pc : pcs) {
    const Span span = frame_spans_[frames_of(pc)];
    for (std::uint32_t i = 0; i < span.count; ++i)
      frames.push_back(pc_frames_[span.first + i]);
  }
  return StackId{id};
}

bool Symbols::has_role(StackId stack, GoRole role) const {
  return stack.valid() &&
         std::ranges::any_of(stacks_[stack.value], [&](FrameId frame) {
           return frame_roles_[frame.value] == role;
         });
}

bool Symbols::is_system_start(std::uint64_t startpc) {
  const std::uint32_t known = system_starts_.find(startpc);
  if (known != FlatMap::kMissing) return known != 0;
  // runtime/traceback.go isSystemGoroutine as newproc1 calls it when the
  // goroutine is created, which is what NumGoroutine counts: the finalizer and
  // cleanup goroutines count as the runtime's own, whatever they run later.
  bool system = false;
  if (const auto function = table_.find(startpc); function) {
    const std::string_view name = table_.name(*function);
    system = name.starts_with("runtime.") && name != "runtime.main" &&
             name != "runtime.corostart" && name != "runtime.handleAsyncEvent";
  }
  if (system_starts_.size() < kMaxEntries)
    system_starts_.insert(startpc, system ? 1 : 0);
  return system;
}

LabelsId Symbols::labels(Labels labels) {
  if (labels.empty()) return LabelsId::none();
  std::string key;
  for (const auto& [name, value] : labels) {
    key += name;
    key += '\0';
    key += value;
    key += '\0';
  }
  if (const auto found = label_ids_.find(key); found != label_ids_.end())
    return LabelsId{found->second};
  if (labels_.size() >= kMaxEntries) {
    ++overflows_;
    return LabelsId::none();
  }
  const auto id = static_cast<std::uint32_t>(labels_.size());
  labels_.push_back(std::move(labels));
  label_ids_.emplace(std::move(key), id);
  return LabelsId{id};
}

void Symbols::take_new(CensusTables& tables) {
  tables.first_frame = sent_frames_;
  tables.first_stack = sent_stacks_;
  tables.first_labels = sent_labels_;
  tables.frames.assign(frames_.begin() + sent_frames_, frames_.end());
  tables.stacks.assign(stacks_.begin() + sent_stacks_, stacks_.end());
  tables.labels.assign(labels_.begin() + sent_labels_, labels_.end());
  sent_frames_ = static_cast<std::uint32_t>(frames_.size());
  sent_stacks_ = static_cast<std::uint32_t>(stacks_.size());
  sent_labels_ = static_cast<std::uint32_t>(labels_.size());
}

void Symbols::rewind() { sent_frames_ = sent_stacks_ = sent_labels_ = 0; }

}  // namespace taskleak
