// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Bytes of the reader's pipe. One list of fields a type serves both ways, so
// that writing and reading cannot differ. The reading side trusts nothing: the
// child may have been fooled by its target, so lengths are held against what
// is left before anything is allocated, and enumerators against their range.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/census.h"
#include "probes/probe_spec.h"
#include "probes/runtime.h"
#include "reader/reader.h"

namespace taskleak {

/// How many enumerators a type has that crosses the pipe; they start at 0.
template <class T>
constexpr int kEnumerators = 0;
template <>
constexpr int kEnumerators<TaskState> = kTaskStates;
template <>
constexpr int kEnumerators<WaitKind> = kWaitKinds;
template <>
constexpr int kEnumerators<FrameOwner> = 3;
template <>
constexpr int kEnumerators<ProbeClass> = kProbeClasses;
template <>
constexpr int kEnumerators<ProbeProgram> = kProbePrograms;
template <>
constexpr int kEnumerators<Errc> = static_cast<int>(Errc::kOs) + 1;

/// Appends values to a string of bytes.
class Encoder {
 public:
  template <class... Ts>
  void operator()(const Ts&... values) {
    (put(values), ...);
  }
  std::string take() { return std::move(bytes_); }

 private:
  template <class T>
    requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  void put(const T& value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  template <class Tag>
  void put(const Index<Tag>& index) {
    put(index.value);
  }
  void put(const std::string& text) {
    put(static_cast<std::uint32_t>(text.size()));
    bytes_ += text;
  }
  template <class T>
  void put(const std::vector<T>& items) {
    put(static_cast<std::uint32_t>(items.size()));
    for (const T& item : items) put(item);
  }
  template <class K, class V>
  void put(const std::map<K, V>& items) {
    put(static_cast<std::uint32_t>(items.size()));
    for (const auto& item : items) put(item);
  }
  template <class A, class B>
  void put(const std::pair<A, B>& pair) {
    put(pair.first);
    put(pair.second);
  }
  template <class T>
    requires requires(Encoder& self, T& t) { fields(self, t); }
  void put(const T& value) {
    // fields() serves both directions; encoding changes nothing.
    fields(*this, const_cast<T&>(value));
  }

  std::string bytes_;
};

/// Takes values from bytes. After the first that does not fit, ok() is false
/// and everything reads as empty.
class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : bytes_(bytes) {}

  template <class... Ts>
  void operator()(Ts&... values) {
    (get(values), ...);
  }
  bool ok() const { return ok_; }
  /// All bytes were taken and all fitted.
  bool complete() const { return ok_ && bytes_.empty(); }

 private:
  void refuse() {
    ok_ = false;
    bytes_ = {};
  }
  template <class T>
  T raw() {
    T value{};
    if (bytes_.size() < sizeof value) {
      refuse();
      return value;
    }
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_.remove_prefix(sizeof value);
    return value;
  }
  /// A count of items, each of which takes at least a byte.
  std::size_t length() {
    const auto size = raw<std::uint32_t>();
    if (size > bytes_.size()) refuse();
    return ok_ ? size : 0;
  }

  void get(bool& value) { value = raw<std::uint8_t>() != 0; }
  template <class T>
    requires std::is_arithmetic_v<T>
  void get(T& value) {
    value = raw<T>();
  }
  template <class T>
    requires std::is_enum_v<T>
  void get(T& value) {
    static_assert(kEnumerators<T> > 0, "say how many enumerators it has");
    const auto number = raw<std::underlying_type_t<T>>();
    if (number >= kEnumerators<T>) refuse();
    value = ok_ ? static_cast<T>(number) : T{};
  }
  template <class Tag>
  void get(Index<Tag>& index) {
    index.value = raw<std::uint32_t>();
  }
  void get(std::string& text) {
    const std::size_t size = length();
    text.assign(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
  }
  template <class T>
  void get(std::vector<T>& items) {
    const std::size_t size = length();
    items.clear();
    for (std::size_t i = 0; i < size && ok_; ++i) get(items.emplace_back());
  }
  template <class K, class V>
  void get(std::map<K, V>& items) {
    const std::size_t size = length();
    for (std::size_t i = 0; i < size && ok_; ++i) {
      std::pair<K, V> item;
      get(item);
      items.insert(std::move(item));
    }
  }
  template <class A, class B>
  void get(std::pair<A, B>& pair) {
    get(pair.first);
    get(pair.second);
  }
  template <class T>
    requires requires(Decoder& self, T& t) { fields(self, t); }
  void get(T& value) {
    fields(*this, value);
  }

  std::string_view bytes_;
  bool ok_ = true;
};

// What crosses, field by field.

void fields(auto& io, ObjectRef& v) { io(v.address, v.kind); }
void fields(auto& io, WaitObject& v) {
  io(v.ref, v.capacity, v.buffered, v.element_size, v.closed);
}
void fields(auto& io, Frame& v) { io(v.function, v.file, v.line, v.owner); }
void fields(auto& io, WaitReason& v) { io(v.text, v.kind, v.ends_by_itself); }
void fields(auto& io, CensusTask& v) {
  io(v.slot, v.state, v.system, v.new_life, v.run_count, v.raw_id,
     v.parent_raw_id, v.record, v.reason, v.created_at, v.stack, v.labels,
     v.wait_earliest_ns, v.wait_latest_ns, v.deadline_ns, v.waits_on);
}
void fields(auto& io, CensusWaitBound& v) {
  io(v.slot, v.wait_earliest_ns, v.wait_latest_ns);
}
void fields(auto& io, CensusTables& v) {
  io(v.first_frame, v.first_stack, v.first_labels, v.first_reason, v.frames,
     v.stacks, v.labels, v.reasons);
}
void fields(auto& io, CensusTotals& v) {
  io(v.created, v.created_exact, v.oracle_live, v.created_during_walk);
}
void fields(auto& io, Census& v) {
  io(v.runtime, v.full, v.begin_ns, v.end_ns, v.changed, v.bounds, v.ended,
     v.torn, v.unchanged, v.objects, v.totals, v.tables, v.named_pcs, v.notes);
}
void fields(auto& io, CensusRequest& v) {
  io(v.full, v.deadline_ns, v.name_pcs);
}
void fields(auto& io, PlannedProbe& v) {
  io(v.name, v.symbol, v.program, v.probe_class, v.file_offset, v.bytes,
     v.instruction);
}
void fields(auto& io, RefusedProbe& v) { io(v.name, v.probe_class, v.why); }
void fields(auto& io, ProbeConfig& v) {
  io(v.go_goid, v.go_gopc, v.go_tracking_seq);
}
void fields(auto& io, ProbePlan& v) { io(v.probes, v.refused, v.config); }
void fields(auto& io, RuntimeInfo& v) { io(v.name, v.version); }
void fields(auto& io, TargetInfo& v) {
  io(v.pid, v.start_unix_ns, v.exe, v.build_id, v.runtimes, v.labels);
}
void fields(auto& io, Detection& v) { io(v.target, v.plans); }

/// One value as bytes.
template <class T>
std::string encode(const T& value) {
  Encoder encoder;
  encoder(value);
  return encoder.take();
}

/// One value from exactly these bytes. kCorrupt when they are not one.
template <class T>
Result<T> decode(std::string_view bytes) {
  Decoder decoder(bytes);
  T value{};
  decoder(value);
  if (!decoder.complete())
    return fail(Errc::kCorrupt, "the reader sent a reply that does not decode");
  return value;
}

/// A failure as bytes, and back.
std::string encode_error(const Error& error);
Error decode_error(std::string_view bytes);

}  // namespace taskleak
