// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Slots of targets in the loaded object, and which classes of probes are on.
// A slot's generation stands in every key of the maps, so that what a target
// left behind is never taken for its successor's.
#include "kernel/kernel.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "bpf/wire.h"
#include "kernel/attach.h"
#include "kernel/calibrate.h"
#include "kernel/drain.h"
#include "kernel/object.h"

namespace taskleak {
namespace {

/// One class of probes of one target.
struct ClassState {
  std::vector<LinkPtr> links;  ///< empty: not attached
  std::int64_t since_ns = 0;
  std::string why = "not attached yet";
  taskleak_counters base{};  ///< counters when it was attached
};

struct Target {
  TargetPid pid;
  Fd exe;
  ProbePlan plan;
  std::uint64_t misses_base = 0;
  std::array<ClassState, kProbeClasses> classes;

  ClassState& state(ProbeClass c) {
    return classes[static_cast<std::size_t>(c)];
  }
  const ClassState& state(ProbeClass c) const {
    return classes[static_cast<std::size_t>(c)];
  }
};

std::uint64_t hits_of(const taskleak_counters& counters, ProbeProgram program) {
  return counters.of[TASKLEAK_HITS_CREATE + static_cast<int>(program)];
}
static_assert(TASKLEAK_HITS_READY - TASKLEAK_HITS_CREATE ==
              static_cast<int>(ProbeProgram::kGoReady));

std::map<std::string, std::uint64_t> losses(const taskleak_counters& counters,
                                            std::uint64_t recursion) {
  return {{"site_map_full", counters.of[TASKLEAK_LOST_SITE_MAP_FULL]},
          {"park_map_full", counters.of[TASKLEAK_LOST_PARK_MAP_FULL]},
          {"wait_map_full", counters.of[TASKLEAK_LOST_WAIT_MAP_FULL]},
          {"read_fault", counters.of[TASKLEAK_LOST_READ_FAULT]},
          {"map_busy", counters.of[TASKLEAK_LOST_MAP_BUSY]},
          {"recursion", recursion}};
}

std::vector<ProbeStatus> statuses(const Target& target,
                                  const taskleak_counters& counters) {
  std::vector<ProbeStatus> result;
  for (const PlannedProbe& probe : target.plan.probes) {
    const ClassState& state = target.state(probe.probe_class);
    result.push_back({probe.name, !state.links.empty(), state.why,
                      hits_of(counters, probe.program)});
  }
  for (const RefusedProbe& probe : target.plan.refused)
    result.push_back({probe.name, false, probe.why, 0});
  return result;
}

/// What the programs compare; see taskleak_config.
struct ProgramPid {
  std::uint32_t tgid = 0;
  std::uint32_t namespace_device = 0;
  std::uint64_t namespace_inode = 0;
};

Result<ProgramPid> program_pid(const TargetPid& pid, bool initial_namespace) {
  if (initial_namespace)
    return ProgramPid{.tgid = static_cast<std::uint32_t>(pid.pid)};
  if (pid.inner_pid == 0 || pid.namespace_inode == 0)
    return fail(Errc::kUnsupported,
                "probes cannot tell the target from other processes: its pid "
                "namespace is not known here");
  constexpr unsigned kMinorBits = 20;  // include/linux/kdev_t.h
  const dev_t device = pid.namespace_device;
  return ProgramPid{
      .tgid = static_cast<std::uint32_t>(pid.inner_pid),
      .namespace_device = (major(device) << kMinorBits) | minor(device),
      .namespace_inode = pid.namespace_inode};
}

}  // namespace

struct Kernel::Impl {
  LoadedObject object;
  std::array<std::optional<Target>, TASKLEAK_MAX_TARGETS> targets;
  /// Counted up each time a slot is given out.
  std::array<std::uint32_t, TASKLEAK_MAX_TARGETS> generations{};

  Target& at(TargetSlot slot) {
    INVARIANT(slot.value < targets.size() && targets[slot.value].has_value());
    return *targets[slot.value];
  }
  MapOwner owner(TargetSlot slot) const {
    return {slot.value, generations[slot.value]};
  }
  Status configure(std::uint32_t slot, const taskleak_config& config) const;
  /// Clears what the slot's last target left and lets programs count.
  Status prepare(std::uint32_t slot, const Target& target);
  Status link_all(TargetSlot slot, ProbeClass probe_class,
                  std::vector<LinkPtr>& links);
};

Status Kernel::Impl::configure(std::uint32_t slot,
                               const taskleak_config& config) const {
  const int error =
      bpf_map_update_elem(object.targets_map(), &slot, &config, BPF_ANY);
  if (error != 0) return fail_os("writing a target's configuration", -error);
  return {};
}

Status Kernel::Impl::prepare(std::uint32_t slot, const Target& target) {
  const ProbeConfig& at = target.plan.config;
  if (at.go_tracking_seq < at.go_goid ||
      at.go_tracking_seq - at.go_goid >= TASKLEAK_G_SPAN)
    return fail(Errc::kUnsupported,
                fmt::format("probes read goid and trackingSeq of a g at once, "
                            "which lie at {} and {} here",
                            at.go_goid, at.go_tracking_seq));
  TRY(clear_counters(object, slot));
  TRY(purge(object, slot, ProbeClass::kLifecycle));
  TRY(purge(object, slot, ProbeClass::kWait));
  TRY(const ProgramPid pid,
      program_pid(target.pid, object.initial_pid_namespace));
  return configure(slot, {.tgid = pid.tgid,
                          .go_goid = at.go_goid,
                          .go_gopc = at.go_gopc,
                          .go_tracking_seq = static_cast<std::uint16_t>(
                              at.go_tracking_seq - at.go_goid),
                          .active = 1,
                          .generation = ++generations[slot],
                          .slot = slot,
                          .pid_ns_device = pid.namespace_device,
                          .pid_ns_inode = pid.namespace_inode});
}

Status Kernel::Impl::link_all(TargetSlot slot, ProbeClass probe_class,
                              std::vector<LinkPtr>& links) {
  const Target& target = at(slot);
  for (const PlannedProbe& probe : target.plan.probes) {
    if (probe.probe_class != probe_class) continue;
    TRY(check_bytes(target.exe.get(), probe));
    TRY(LinkPtr link, attach_probe(object, probe, target.pid.pid,
                                   target.exe.get(), slot.value));
    links.push_back(std::move(link));
  }
  if (links.empty())
    return fail(Errc::kNotFound, fmt::format("no {} probe could be planned",
                                             probe_class_name(probe_class)));
  return {};
}

Kernel::Kernel() : impl_(std::make_unique<Impl>()) {}
Kernel::Kernel(Kernel&&) noexcept = default;
Kernel& Kernel::operator=(Kernel&&) noexcept = default;
Kernel::~Kernel() = default;

Result<Kernel> Kernel::load(const KernelLimits& limits) {
  Kernel kernel;
  TRY(kernel.impl_->object, load_object(limits));
  return kernel;
}

Result<TargetSlot> Kernel::add_target(const TargetPid& pid, int exe_fd,
                                      const ProbePlan& plan) {
  std::uint32_t slot = 0;
  while (slot < TASKLEAK_MAX_TARGETS && impl_->targets[slot]) ++slot;
  if (slot == TASKLEAK_MAX_TARGETS)
    return fail(Errc::kLimit, fmt::format("probes serve {} targets at most",
                                          TASKLEAK_MAX_TARGETS));
  Target target;
  target.pid = pid;
  target.plan = plan;
  target.exe = Fd(fcntl(exe_fd, F_DUPFD_CLOEXEC, 0));
  if (!target.exe.valid()) return fail_os("keeping the executable", errno);
  target.misses_base = impl_->object.recursion_misses();
  TRY(impl_->prepare(slot, target));
  impl_->targets[slot] = std::move(target);
  return TargetSlot{slot};
}

void Kernel::remove_target(TargetSlot slot) {
  for (ClassState& state : impl_->at(slot).classes) state.links.clear();
  impl_->targets[slot.value].reset();
  // what fails here is done again when the slot is given out next
  (void)impl_->configure(slot.value, {});
  (void)purge(impl_->object, slot.value, ProbeClass::kLifecycle);
  (void)purge(impl_->object, slot.value, ProbeClass::kWait);
}

Status Kernel::attach(TargetSlot slot, ProbeClass probe_class) {
  ClassState& state = impl_->at(slot).state(probe_class);
  if (!state.links.empty()) return {};
  TRY(purge(impl_->object, slot.value, probe_class));
  TRY(state.base, read_counters(impl_->object, slot.value));
  std::vector<LinkPtr> links;
  if (Status linked = impl_->link_all(slot, probe_class, links); !linked) {
    state.why = linked.error().message();
    return linked;
  }
  state.links = std::move(links);
  state.since_ns = monotonic_now_ns();
  state.why.clear();
  return {};
}

void Kernel::detach(TargetSlot slot, ProbeClass probe_class, std::string why) {
  ClassState& state = impl_->at(slot).state(probe_class);
  state.links.clear();
  state.since_ns = 0;
  state.why = std::move(why);
}

bool Kernel::attached(TargetSlot slot, ProbeClass probe_class) const {
  return !impl_->at(slot).state(probe_class).links.empty();
}

Result<ProbeHits> Kernel::hits(TargetSlot slot) const {
  TRY(const taskleak_counters counters,
      read_counters(impl_->object, slot.value));
  ProbeHits hits{};
  for (int i = 0; i < kProbePrograms; ++i)
    hits[static_cast<std::size_t>(i)] =
        hits_of(counters, static_cast<ProbeProgram>(i));
  return hits;
}

Result<EventSummary> Kernel::summarize(TargetSlot slot) const {
  const Target& target = impl_->at(slot);
  EventSummary summary;
  summary.taken_ns = monotonic_now_ns();
  const ClassState& lifecycle = target.state(ProbeClass::kLifecycle);
  summary.lifecycle_since_ns = lifecycle.since_ns;
  summary.wait_since_ns = target.state(ProbeClass::kWait).since_ns;
  TRY(const taskleak_counters counters,
      read_counters(impl_->object, slot.value));
  const auto since_attach = [&](taskleak_counter which) {
    return counters.of[which] - lifecycle.base.of[which];
  };
  summary.created = since_attach(TASKLEAK_HITS_CREATE);
  summary.ended = since_attach(TASKLEAK_HITS_END);
  TRY(summary.sites, read_sites(impl_->object, impl_->owner(slot)));
  TRY(summary.waits, read_waits(impl_->object, impl_->owner(slot)));
  summary.lost =
      losses(counters, impl_->object.recursion_misses() - target.misses_base);
  summary.probes = statuses(target, counters);
  return summary;
}

std::optional<EventPark> Kernel::park(TargetSlot slot,
                                      std::uint64_t record) const {
  return read_park(impl_->object, impl_->owner(slot), record);
}

Result<std::array<double, kProbePrograms>> Kernel::calibrate() {
  return calibrate_probes(*this);
}

std::string Kernel::attach_mechanism() const {
  return impl_->object.mechanism == Mechanism::kUprobeMulti ? "uprobe_multi"
                                                            : "perf_event";
}

}  // namespace taskleak
