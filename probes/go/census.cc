// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// One walk: the list, the pass over all records, the batches of changed ones.
#include "probes/go/census.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "probes/go/self_checks.h"

namespace taskleak {

GoCensus::GoCensus(const CensusSources& sources)
    : at_(sources),
      reader_(sources.memory),
      gc_clock_(sources.process_start_ns),
      objects_(reader_, sources.symbols, sources.layout, sources.version.minor,
               sources.globals.semtable, sources.search_frames),
      labels_(sources.memory, sources.symbols, sources.version.minor) {}

namespace {

CensusTotals totals(const GoCounters& before, const GoCounters& after) {
  CensusTotals result{.created = after.created,
                      .created_exact = true,
                      .oracle_live = after.live};
  if (after.created > before.created)
    result.created_during_walk = after.created - before.created;
  const std::int64_t grown = after.live - before.live;
  const auto born = static_cast<std::int64_t>(result.created_during_walk);
  if (before.live >= 0 && after.live >= 0 && born > grown)
    result.ended_during_walk = static_cast<std::uint64_t>(born - grown);
  return result;
}

}  // namespace

void GoCensus::forget() {
  slots_.clear();
  records_.clear();
  at_.symbols.rewind();
}

Status GoCensus::take(const CensusRequest& request, const CensusSink& sink) {
  Census part;
  part.begin_ns = monotonic_now_ns();
  part.full = request.full || !whole_;
  part.last = false;
  if (part.full) forget();
  whole_ = false;
  handed_on_ = 0;
  reader_.set_deadline(request.deadline_ns);
  objects_.begin_census();
  TRY(const GoCounters before,
      read_counters(at_.memory, at_.layout, at_.globals));
  TRY(update_list());
  TRY(gc_clock_.refresh(at_.memory, at_.layout, at_.globals.memstats));
  TRY(walk(part, sink));
  TRY(const GoCounters after,
      read_counters(at_.memory, at_.layout, at_.globals));
  TRY(check_created(after, part.unchanged + handed_on_ + part.changed.size()));
  part.totals = totals(before, after);
  for (const std::uint64_t pc : request.name_pcs)
    part.named_pcs.emplace_back(pc, at_.symbols.frame_at(pc));
  add_tables(part);
  add_notes(part);
  part.end_ns = monotonic_now_ns();
  part.last = true;
  TRY(sink(std::move(part)));
  whole_ = true;
  return {};
}

Result<Census> GoCensus::take(const CensusRequest& request) {
  return collect([&](const CensusSink& sink) { return take(request, sink); });
}

void GoCensus::add_tables(Census& part) {
  const bool first = part.full && part.part == 0;
  if (first) part.tables.reasons = at_.reasons;
  part.tables.first_reason =
      first ? 0 : static_cast<std::uint32_t>(at_.reasons.size());
  at_.symbols.take_new(part.tables);
}

/// Hands on a part that is full and begins the next one.
Status GoCensus::hand_on(Census& part, const CensusSink& sink) {
  const std::size_t slots =
      part.bounds.size() + part.ended.size() + part.torn.size();
  if (part.changed.size() < kPartTasks && slots < kPartSlots) return {};
  add_tables(part);
  part.end_ns = monotonic_now_ns();
  Census next;
  next.part = part.part + 1;
  next.last = false;
  next.full = part.full;
  next.begin_ns = part.begin_ns;
  next.unchanged = part.unchanged;
  handed_on_ += part.changed.size();
  TRY(sink(std::move(part)));
  part = std::move(next);
  return {};
}

Status GoCensus::update_list() {
  TRY(const std::uint64_t length,
      at_.memory.value<std::uint64_t>(at_.globals.allglen));
  if (length > kMaxGoroutines)
    return fail(Errc::kLimit,
                fmt::format("{} goroutine records are more than {}", length,
                            kMaxGoroutines));
  if (length == 0)
    return fail(Errc::kCorrupt, "the list of goroutines is empty");
  if (length < slots_.size())
    return fail(Errc::kCorrupt, "the list of goroutines has become shorter");
  const std::size_t known = slots_.size();
  if (length == known) return {};
  TRY(const std::uint64_t list,
      at_.memory.value<std::uint64_t>(at_.globals.allgptr));
  std::vector<std::uint64_t> tail(length - known);
  TRY(at_.memory.read(Addr{list} + known * 8,
                      std::as_writable_bytes(std::span(tail))));
  std::vector<Piece> fresh;
  fresh.reserve(tail.size());
  for (std::size_t i = 0; i < tail.size(); ++i) {
    if (tail[i] == 0 || tail[i] % 8 != 0)
      return fail(Errc::kCorrupt, "the list of goroutines is none", list);
    fresh.push_back(
        {tail[i], at_.layout.g.size, static_cast<std::uint32_t>(known + i)});
  }
  reader_.sort(fresh);
  if (records_.empty()) {
    records_ = std::move(fresh);
  } else {
    std::vector<Piece> merged(records_.size() + fresh.size());
    std::ranges::merge(records_, fresh, merged.begin(), {}, &Piece::at,
                       &Piece::at);
    records_.swap(merged);
  }
  TRY(check_apart(records_));
  slots_.resize(length);
  return {};
}

Status GoCensus::walk(Census& census, const CensusSink& sink) {
  looked_ = misfits_ = 0;
  const std::span<const Piece> all(records_);
  batch_.reserve(std::min(all.size(), kBatchTasks));
  retry_.reserve(batch_.capacity());
  for (std::size_t first = 0; first < all.size(); first += kBatchTasks) {
    const auto part =
        all.subspan(first, std::min(kBatchTasks, all.size() - first));
    batch_.clear();
    TRY(reader_.read_sorted(
        part, [&](const Piece& piece, std::span<const std::byte> bytes) {
          look(piece, bytes, census);
        }));
    TRY(check_fit());
    for (int i = 0; i < kMaxAttempts && !batch_.empty(); ++i)
      TRY(finish_batch(census));
    TRY(hand_on(census, sink));
  }
  return {};
}

void GoCensus::look(const Piece& piece, std::span<const std::byte> bytes,
                    Census& census) {
  Slot& slot = slots_[piece.tag];
  if (bytes.empty()) {
    return tear(piece.tag, census);
  }
  const GKey key = decode_g_key(bytes, at_.layout);
  if (slot.known && slot.goid == key.goid && slot.status == key.status &&
      slot.tracking_seq == key.tracking_seq) {
    ++census.unchanged;
    const auto waitsince = static_cast<std::uint32_t>(key.waitsince);
    if (slot.waitsince != waitsince) {
      slot.waitsince = waitsince;
      const WaitBound bound = gc_clock_.bound(key.waitsince);
      if (bound.latest_ns != 0 &&
          g_task_state(key.status) == TaskState::kBlocked)
        census.bounds.push_back(
            {piece.tag, bound.earliest_ns, bound.latest_ns});
    }
    return;
  }
  const GRecord g = decode_g(piece.at, bytes, at_.layout);
  if (g.dead()) return end_slot(piece.tag, census);
  ++looked_;
  if (g.self != g.address || g.goid == 0) ++misfits_;
  WalkedTask& task = batch_.emplace_back();
  task.slot = piece.tag;
  task.g = g;
}

Status GoCensus::check_fit() const {
  // A live goroutine's sched.g is its own address. A few may be on their way
  // to live; most of them cannot.
  if (misfits_ > 1 && misfits_ * 2 > looked_)
    return fail(Errc::kCorrupt,
                "the layout does not fit: runtime.g does not name itself");
  return {};
}

void GoCensus::end_slot(std::uint32_t slot, Census& census) {
  if (slots_[slot].known) census.ended.push_back(slot);
  slots_[slot] = {};
}

void GoCensus::tear(std::uint32_t slot, Census& census) {
  census.torn.push_back(slot);
  slots_[slot].status = kGUnknown;
}

void GoCensus::classify(WalkedTask& task) const {
  const GRecord& g = task.g;
  if (g.self != g.address || g.goid == 0) task.torn = true;
  if (g.has_stack() && (g.stack_lo >= g.stack_hi || g.sp < g.stack_lo ||
                        g.sp >= g.stack_hi || g.sp % 8 != 0))
    task.torn = true;
  if (g.parked() && g.wait_reason < at_.reasons.size())
    task.kind = at_.reasons[g.wait_reason].kind;
}

Status GoCensus::finish_batch(Census& census) {
  for (WalkedTask& task : batch_) classify(task);
  objects_.begin();
  TRY(read_stacks());
  TRY(objects_.resolve(batch_, at_.reasons, census.objects));
  TRY(labels_.resolve(batch_));
  return verify(census);
}

Status GoCensus::verify(Census& census) {
  pieces_.clear();
  for (std::uint32_t i = 0; i < batch_.size(); ++i)
    pieces_.push_back({batch_[i].g.address, at_.layout.g.size, i});
  retry_.clear();
  TRY(reader_.read(
      pieces_, [&](const Piece& piece, std::span<const std::byte> bytes) {
        WalkedTask& task = batch_[piece.tag];
        if (bytes.empty()) return tear(task.slot, census);
        settle(task, decode_g(piece.at, bytes, at_.layout), census);
      }));
  batch_.swap(retry_);
  return {};
}

void GoCensus::settle(WalkedTask& task, const GRecord& again, Census& census) {
  if (again.dead()) return end_slot(task.slot, census);
  const bool same_life = again.goid == task.g.goid &&
                         again.self == again.address && again.goid != 0;
  const bool same =
      same_life && again.same_life_and_run(task.g) && again.sp == task.g.sp &&
      again.stack_hi == task.g.stack_hi && again.waiting == task.g.waiting;
  const bool believed = !task.torn && (task.g.has_stack() ? same : same_life);
  const bool last = task.attempts + 1 >= kMaxAttempts;
  const bool search_again = task.unfound && task.attempts == 0;
  if (believed && !search_again) return emit(task, census);
  if (!last) {
    ++task.attempts;
    task.restart(again);
    retry_.push_back(std::move(task));
  } else if (same_life && !again.parked() && again.status != kGSyscall) {
    // It runs, or is about to: so much is certain, and nothing else of it.
    task.restart(again);
    emit(task, census);
  } else {
    tear(task.slot, census);
  }
}

void GoCensus::emit(WalkedTask& task, Census& census) {
  const GRecord& g = task.g;
  Slot& slot = slots_[task.slot];
  CensusTask& out = census.changed.emplace_back();
  out.slot = task.slot;
  out.state = g_task_state(g.status);
  out.system = at_.symbols.is_system_start(g.startpc);
  out.new_life = !slot.known || slot.goid != g.goid;
  out.run_count = g.tracking_seq;
  out.raw_id = g.goid;
  out.parent_raw_id = g.parent_goid;
  out.record = g.address;
  out.created_at = at_.symbols.frame_at(g.gopc);
  out.stack = task.stack;
  out.labels = task.labels;
  if (g.parked()) {
    if (g.wait_reason < at_.reasons.size())
      out.reason = ReasonId{g.wait_reason};
    const WaitBound bound = gc_clock_.bound(g.waitsince);
    out.wait_earliest_ns = bound.earliest_ns;
    out.wait_latest_ns = bound.latest_ns;
    out.deadline_ns = task.deadline_ns;
    out.waits_on = std::move(task.waits_on);
    if (task.unfound) ++unfound_;
  }
  slot = {.goid = g.goid,
          .waitsince = static_cast<std::uint32_t>(g.waitsince),
          .status = g.status,
          .tracking_seq = g.tracking_seq,
          .known = true};
}

void GoCensus::note(Census& census, std::uint64_t total, std::uint64_t& told,
                    const char* text) {
  if (total > told)
    census.notes.push_back(fmt::format(fmt::runtime(text), total - told));
  told = total;
}

void GoCensus::add_notes(Census& census) {
  note(census, cut_stacks_, told_stacks_,
       "{} stacks were deeper than 128 frames: their outermost frames are "
       "left out");
  note(census, objects_.cut_selects(), told_selects_,
       "{} selects had more than 64 cases: the rest of their channels is left "
       "out");
  note(census, labels_.cut(), told_labels_,
       "{} sets of pprof labels were too large: some labels are left out");
  note(census, at_.symbols.overflows(), told_names_,
       "{} stacks or names found no room and are left out");
  note(
      census, objects_.cut_semtables(), told_semtable_,
      "the table of semaphores was too long {} times: some waits for locks may "
      "have no object");
  note(census, unfound_, told_unfound_,
       "for {} blocked goroutines the object that they wait for was not "
       "found");
}

}  // namespace taskleak
