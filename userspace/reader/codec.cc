// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The fields of every message. `..._fields(archive, message)` runs over a const
// message with an Encoder and over an empty one with a Decoder. Tasks, which
// come by the hundred thousand, cross as one block of flat records with one
// block of the objects that they wait on.
#include "reader/codec.h"

#include <string>
#include <utility>

#include "model/task_table.h"
#include "reader/archive.h"

namespace taskleak {
namespace {

constexpr std::size_t kMaxProbes = 1024;
constexpr std::size_t kMaxRuntimes = 64;
constexpr std::size_t kMaxInstructionBytes = 64;
constexpr std::size_t kMaxLabels = 4096;  ///< of one task or target
constexpr std::size_t kMaxNotes = 4096;
constexpr std::size_t kMaxRefs = std::size_t{1} << 26;
constexpr std::size_t kTextBytes = 8;  ///< of an empty string

struct WireTask {
  std::uint64_t raw_id, parent_raw_id, record;
  std::int64_t wait_earliest_ns, wait_latest_ns, deadline_ns;
  std::uint32_t slot, reason, created_at, stack, labels, waits_on;
  std::uint8_t state, system, new_life, run_count;
  std::uint32_t zero;
};

struct WireRef {
  std::uint64_t address, kind;
};

struct WireObject {
  WireRef ref;
  std::int64_t capacity, buffered, element_size, closed;
};

struct WireNamedPc {
  std::uint64_t pc, frame;
};

WireRef to_wire(const ObjectRef& ref) {
  return {ref.address, static_cast<std::uint64_t>(ref.kind)};
}

/// A kind beyond the last one stays beyond it: the model refuses it.
ObjectRef from_wire(const WireRef& ref) {
  const std::uint64_t kind = ref.kind > 0xff ? 0xff : ref.kind;
  return {ref.address, static_cast<WaitKind>(kind)};
}

WireTask to_wire(const CensusTask& task) {
  return {task.raw_id,
          task.parent_raw_id,
          task.record,
          task.wait_earliest_ns,
          task.wait_latest_ns,
          task.deadline_ns,
          task.slot,
          task.reason.value,
          task.created_at.value,
          task.stack.value,
          task.labels.value,
          static_cast<std::uint32_t>(task.waits_on.size()),
          static_cast<std::uint8_t>(task.state),
          task.system,
          task.new_life,
          task.run_count,
          0};
}

CensusTask from_wire(const WireTask& task) {
  CensusTask result;
  result.slot = task.slot;
  result.state = static_cast<TaskState>(task.state);
  result.system = task.system != 0;
  result.new_life = task.new_life != 0;
  result.run_count = task.run_count;
  result.raw_id = task.raw_id;
  result.parent_raw_id = task.parent_raw_id;
  result.record = task.record;
  result.reason = ReasonId{task.reason};
  result.created_at = FrameId{task.created_at};
  result.stack = StackId{task.stack};
  result.labels = LabelsId{task.labels};
  result.wait_earliest_ns = task.wait_earliest_ns;
  result.wait_latest_ns = task.wait_latest_ns;
  result.deadline_ns = task.deadline_ns;
  return result;
}

void tasks(Encoder& out, const std::vector<CensusTask>& changed) {
  std::vector<WireTask> records;
  std::vector<WireRef> refs;
  records.reserve(changed.size());
  for (const CensusTask& task : changed) {
    records.push_back(to_wire(task));
    for (const ObjectRef& ref : task.waits_on) refs.push_back(to_wire(ref));
  }
  out.block(records);
  out.block(refs);
}

void tasks(Decoder& in, std::vector<CensusTask>& changed) {
  std::vector<WireTask> records;
  std::vector<WireRef> refs;
  in.block(records, TaskTable::kMaxTasks);
  in.block(refs, kMaxRefs);
  changed.reserve(records.size());
  std::span<const WireRef> left(refs);
  for (const WireTask& record : records) {
    if (record.waits_on > left.size())
      return in.refuse(Errc::kCorrupt, "number of wait objects");
    CensusTask& task = changed.emplace_back(from_wire(record));
    task.waits_on.reserve(record.waits_on);
    for (const WireRef& ref : left.first(record.waits_on))
      task.waits_on.push_back(from_wire(ref));
    left = left.subspan(record.waits_on);
  }
  if (!left.empty()) in.refuse(Errc::kCorrupt, "number of wait objects");
}

void objects(Encoder& out, const std::vector<WaitObject>& objects) {
  std::vector<WireObject> records;
  records.reserve(objects.size());
  for (const WaitObject& object : objects)
    records.push_back({to_wire(object.ref), object.capacity, object.buffered,
                       object.element_size, object.closed});
  out.block(records);
}

void objects(Decoder& in, std::vector<WaitObject>& objects) {
  std::vector<WireObject> records;
  in.block(records, kMaxRefs);
  objects.reserve(records.size());
  for (const WireObject& record : records)
    objects.push_back({from_wire(record.ref), record.capacity, record.buffered,
                       static_cast<std::int32_t>(record.element_size),
                       static_cast<std::int8_t>(record.closed)});
}

using NamedPcs = std::vector<std::pair<std::uint64_t, FrameId>>;

void named_pcs(Encoder& out, const NamedPcs& named) {
  std::vector<WireNamedPc> records;
  records.reserve(named.size());
  for (const auto& [pc, frame] : named) records.push_back({pc, frame.value});
  out.block(records);
}

void named_pcs(Decoder& in, NamedPcs& named) {
  std::vector<WireNamedPc> records;
  in.block(records, TaskTable::kMaxFrames);
  named.reserve(records.size());
  for (const WireNamedPc& record : records)
    named.emplace_back(record.pc,
                       FrameId{static_cast<std::uint32_t>(record.frame)});
}

template <class Archive, class Pairs>
void pairs(Archive& io, Pairs& labels) {
  io.list(labels, 2 * kTextBytes, kMaxLabels, [&](auto& label) {
    io.text(label.first);
    io.text(label.second);
  });
}

template <class Archive, class Tables>
void tables_fields(Archive& io, Tables& t) {
  io.number(t.first_frame);
  io.number(t.first_stack);
  io.number(t.first_labels);
  io.number(t.first_reason);
  io.list(t.frames, 2 * kTextBytes + 5, TaskTable::kMaxFrames,
          [&](auto& frame) {
            io.text(frame.function);
            io.text(frame.file);
            io.number(frame.line);
            io.choice(frame.owner, FrameOwner::kRuntime);
          });
  io.list(t.stacks, sizeof(std::uint64_t), TaskTable::kMaxStacks,
          [&](auto& stack) { io.block(stack, TaskTable::kMaxStackFrames); });
  io.list(t.labels, sizeof(std::uint64_t), TaskTable::kMaxLabelSets,
          [&](auto& labels) { pairs(io, labels); });
  io.list(t.reasons, kTextBytes + 2, TaskTable::kMaxReasons, [&](auto& reason) {
    io.text(reason.text);
    io.choice(reason.kind, WaitKind::kUnknown);
    io.flag(reason.ends_by_itself);
  });
}

template <class Archive, class Totals>
void totals_fields(Archive& io, Totals& t) {
  io.number(t.created);
  io.flag(t.created_exact);
  io.number(t.oracle_live);
  io.number(t.created_during_walk);
  io.number(t.ended_during_walk);
}

template <class Archive, class Message>
void census_fields(Archive& io, Message& census) {
  constexpr std::size_t kBoundBytes = 20;
  io.number(census.part);
  io.flag(census.last);
  io.number(census.runtime);
  io.flag(census.full);
  io.flag(census.count_only);
  io.number(census.begin_ns);
  io.number(census.end_ns);
  tasks(io, census.changed);
  io.list(census.bounds, kBoundBytes, TaskTable::kMaxTasks, [&](auto& bound) {
    io.number(bound.slot);
    io.number(bound.wait_earliest_ns);
    io.number(bound.wait_latest_ns);
  });
  io.block(census.ended, TaskTable::kMaxTasks);
  io.block(census.torn, TaskTable::kMaxTasks);
  io.number(census.unchanged);
  objects(io, census.objects);
  totals_fields(io, census.totals);
  tables_fields(io, census.tables);
  named_pcs(io, census.named_pcs);
  io.list(census.notes, kTextBytes, kMaxNotes,
          [&](auto& note) { io.text(note); });
}

template <class Archive, class Plan>
void plan_fields(Archive& io, Plan& plan) {
  io.list(plan.probes, 4 * kTextBytes, kMaxProbes, [&](auto& probe) {
    io.text(probe.name);
    io.text(probe.symbol);
    io.choice(probe.program, static_cast<ProbeProgram>(kProbePrograms - 1));
    io.choice(probe.probe_class, static_cast<ProbeClass>(kProbeClasses - 1));
    io.number(probe.file_offset);
    io.block(probe.bytes, kMaxInstructionBytes);
    io.text(probe.instruction);
  });
  io.list(plan.refused, 2 * kTextBytes, kMaxProbes, [&](auto& refused) {
    io.text(refused.name);
    io.choice(refused.probe_class, static_cast<ProbeClass>(kProbeClasses - 1));
    io.text(refused.why);
  });
  io.number(plan.config.go_goid);
  io.number(plan.config.go_gopc);
  io.number(plan.config.go_tracking_seq);
}

using TextPairs = std::vector<std::pair<std::string, std::string>>;

template <class Archive, class Message, class Labels>
void detection_fields(Archive& io, Message& detection, Labels& labels) {
  auto& target = detection.target;
  io.number(target.pid);
  io.number(target.start_unix_ns);
  io.number(target.start_monotonic_ns);
  io.text(target.exe);
  io.text(target.build_id);
  io.list(target.runtimes, 2 * kTextBytes, kMaxRuntimes, [&](auto& runtime) {
    io.text(runtime.name);
    io.text(runtime.version);
  });
  pairs(io, labels);
  io.list(detection.plans, 2 * kTextBytes, kMaxRuntimes,
          [&](auto& plan) { plan_fields(io, plan); });
}

template <class Archive, class Message>
void order_fields(Archive& io, Message& order) {
  io.number(order.index);
  io.flag(order.full);
  io.number(order.deadline_ns);
  io.block(order.name_pcs, TaskTable::kMaxPcsToName);
}

}  // namespace

Payload encode(const CensusOrder& order) {
  Encoder out(kMaxStringBytes);
  order_fields(out, order);
  return out.take();
}

Payload encode(const Error& error) {
  Encoder out(kMaxStringBytes);
  out.number(error.code());
  out.text(error.text());
  out.number(error.address());
  out.number(error.os_error());
  return out.take();
}

Payload encode(const Detection& detection) {
  Encoder out(kMaxStringBytes);
  const TextPairs labels(detection.target.labels.begin(),
                         detection.target.labels.end());
  detection_fields(out, detection, labels);
  return out.take();
}

Payload encode(const Census& census) {
  Encoder out(kMaxStringBytes);
  // Most of it, and one object a task.
  out.reserve(census.changed.size() * (sizeof(WireTask) + sizeof(WireRef)) +
              census.objects.size() * sizeof(WireObject));
  census_fields(out, census);
  return out.take();
}

Result<CensusOrder> decode_order(std::span<const std::byte> payload) {
  Decoder in(payload, kMaxStringBytes);
  CensusOrder order;
  order_fields(in, order);
  TRY(in.status());
  return order;
}

Result<Detection> decode_detection(std::span<const std::byte> payload) {
  Decoder in(payload, kMaxStringBytes);
  Detection detection;
  TextPairs labels;
  detection_fields(in, detection, labels);
  TRY(in.status());
  detection.target.labels.insert(labels.begin(), labels.end());
  if (detection.plans.size() != detection.target.runtimes.size())
    return fail(Errc::kCorrupt, "message of the reader: not a plan a runtime");
  return detection;
}

Result<Census> decode_census(std::span<const std::byte> payload) {
  Decoder in(payload, kMaxStringBytes);
  Census census;
  census_fields(in, census);
  TRY(in.status());
  return census;
}

Error decode_error(std::span<const std::byte> payload) {
  Decoder in(payload, kMaxStringBytes);
  Errc code{};
  std::string text;
  std::uint64_t address = 0;
  int os_error = 0;
  in.choice(code, Errc::kOs);
  in.text(text);
  in.number(address);
  in.number(os_error);
  if (Status status = in.status(); !status) return std::move(status).error();
  return {code, std::move(text), address, os_error};
}

}  // namespace taskleak
