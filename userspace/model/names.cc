// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Interned names and what is computed from them once; see names.h.
#include "model/names.h"

#include <iterator>
#include <utility>

#include "model/site.h"

namespace taskleak {
namespace {

template <class T>
void move_to_end(std::vector<T>& table, std::vector<T>& more) {
  table.insert(table.end(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
}

}  // namespace

Names::Names(std::vector<RuntimeInfo> runtimes)
    : tables_(std::make_shared<SnapshotTables>()) {
  for (const RuntimeInfo& runtime : runtimes)
    runtime_hashes_.push_back(text_hash(runtime.name));
  tables_->runtimes = std::move(runtimes);
}

KnownSizes Names::sizes() const {
  return {tables_->runtimes.size(), tables_->frames.size(),
          tables_->stacks.size(), tables_->labels.size(),
          tables_->reasons.size()};
}

void Names::clear() { *this = Names(tables_->runtimes); }

void Names::append(CensusTables more) {
  if (more.frames.empty() && more.stacks.empty() && more.labels.empty() &&
      more.reasons.empty())
    return;
  if (std::exchange(shared_, false))
    tables_ = std::make_shared<SnapshotTables>(*tables_);
  move_to_end(tables_->frames, more.frames);
  move_to_end(tables_->stacks, more.stacks);
  move_to_end(tables_->labels, more.labels);
  move_to_end(tables_->reasons, more.reasons);
  for (std::size_t i = frame_hashes_.size(); i < tables_->frames.size(); ++i)
    frame_hashes_.push_back(frame_hash(tables_->frames[i]));
  for (std::size_t i = reason_hashes_.size(); i < tables_->reasons.size(); ++i)
    reason_hashes_.push_back(text_hash(tables_->reasons[i].text));
  for (std::size_t i = blocked_frames_.size(); i < tables_->stacks.size(); ++i)
    blocked_frames_.push_back(
        blocked_frame(tables_->stacks[i], tables_->frames));
}

void Names::name_pcs(
    const std::vector<std::pair<std::uint64_t, FrameId>>& named_pcs) {
  for (const auto& [pc, frame] : named_pcs) pcs_.insert_or_assign(pc, frame);
}

std::shared_ptr<const SnapshotTables> Names::share() {
  shared_ = true;
  return tables_;
}

std::uint64_t Names::hash(FrameId id) const {
  return id.valid() ? frame_hashes_[id.value] : 0;
}

std::uint64_t Names::hash(ReasonId id) const {
  return id.valid() ? reason_hashes_[id.value] : 0;
}

FrameId Names::blocked_at(StackId id) const {
  return id.valid() ? blocked_frames_[id.value] : FrameId::none();
}

std::optional<FrameId> Names::frame_of(std::uint64_t pc) const {
  const auto found = pcs_.find(pc);
  if (found == pcs_.end()) return std::nullopt;
  return found->second;
}

}  // namespace taskleak
