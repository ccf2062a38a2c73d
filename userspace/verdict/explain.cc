// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Natures of waits; see explain.h.
#include "verdict/explain.h"

namespace taskleak {
namespace {

constexpr std::uint64_t kMainTask = 1;
/// Go's words; a select with cases waits on objects, this one on nothing.
constexpr std::string_view kSelectNoCases = "select (no cases)";

bool selects_nothing(const WaitReason& reason) {
  return reason.text.starts_with(kSelectNoCases);
}

/// Is the last word of a qualified name "accept", whatever its case?
/// "internal/poll.(*FD).Accept", "accept".
bool is_accept(std::string_view function) {
  const std::size_t dot = function.rfind('.');
  const std::string_view word =
      dot == std::string_view::npos ? function : function.substr(dot + 1);
  return word == "Accept" || word == "accept" || word == "accept4";
}

}  // namespace

Explainer::Explainer(const Snapshot& snapshot)
    : snapshot_(snapshot), stacks_(snapshot.tables->stacks.size()) {}

const Explainer::StackTraits& Explainer::traits(StackId id) {
  StackTraits& traits = stacks_[id.value];
  if (traits.known) return traits;
  traits.known = true;
  for (const FrameId frame_id : snapshot_.tables->stacks[id.value]) {
    const Frame& frame = snapshot_.tables->frames[frame_id.value];
    traits.user_code |= frame.owner == FrameOwner::kUser;
    traits.accepts |= is_accept(frame.function);
  }
  return traits;
}

WaitNature Explainer::nature(const Task& task) {
  if (task.deadline_ns > snapshot_.taken_ns) return WaitNature::kDeadline;
  if (!task.reason.valid()) return WaitNature::kOpen;
  const WaitReason& reason = snapshot_.tables->reasons[task.reason.value];
  if (selects_nothing(reason))
    return task.id.raw == kMainTask ? WaitNature::kMainIdiom
                                    : WaitNature::kHopeless;
  if (reason.kind == WaitKind::kNilChannel) return WaitNature::kHopeless;
  if (reason.kind == WaitKind::kRuntime) return WaitNature::kRuntime;
  if (reason.ends_by_itself) return WaitNature::kEndsByItself;
  if (reason.kind != WaitKind::kFd || !task.stack.valid())
    return WaitNature::kOpen;
  const StackTraits& stack = traits(task.stack);
  if (stack.accepts) return WaitNature::kListening;
  return stack.user_code ? WaitNature::kOpen : WaitNature::kLibraryIo;
}

}  // namespace taskleak
