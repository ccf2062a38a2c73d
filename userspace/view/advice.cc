// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// The sentences behind "Look at:"; see view/advice.h. What may be stated as a
// fact follows from the wait itself: a parked sender has no receiver, a waiter
// for a mutex has a holder.
#include "view/advice.h"

#include <fmt/format.h>

#include "view/words.h"

namespace taskleak {
namespace {

/// What the sentences are made of.
struct Scene {
  const Snapshot& snapshot;
  const SiteObjects& objects;
  std::string_view reason;
  std::string place;  ///< where it blocks
};

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string object_text(const Scene& scene) {
  const std::string facts = object_facts(scene.objects.top);
  const std::string id = object_id(scene.objects.top.ref);
  return facts.empty() ? id : fmt::format("{} ({})", id, facts);
}

/// `single` where one object stands for the site, else `each`.
std::string object_or(const Scene& scene, std::string_view each) {
  return scene.objects.single() ? object_text(scene) : std::string(each);
}

/// Many tasks, each at a channel of its own: the mark of a request that went
/// on without its helper.
bool one_each(const Scene& scene) {
  return scene.objects.distinct > 1 && !scene.objects.single();
}

std::string send_advice(const Scene& scene) {
  if (one_each(scene))
    return fmt::format(
        "{}: each task sends on a channel of its own that nobody receives. Did "
        "the receiver return early (time-out, error, first answer wins)? Give "
        "the channel room for one, or select on ctx.Done() as well.",
        scene.place);
  return fmt::format(
      "{} sends on {} that nobody receives; who should, and on which path does "
      "it stop?",
      scene.place, object_or(scene, "a channel"));
}

std::string receive_advice(const Scene& scene) {
  if (one_each(scene))
    return fmt::format(
        "{}: each task receives on a channel of its own that nobody sends on "
        "or closes. Does the sender return early? Close the channel with "
        "defer, or select on ctx.Done() as well.",
        scene.place);
  return fmt::format(
      "{} receives on {} that nobody sends on or closes; who should close it, "
      "and on which path does it not?",
      scene.place, object_or(scene, "a channel"));
}

std::string select_advice(const Scene& scene) {
  if (has(scene.reason, "no cases"))
    return fmt::format(
        "{} waits in a select without cases, which never ends; if it should "
        "end, let it wait for a context instead.",
        scene.place);
  return fmt::format(
      "{} waits in a select and none of its cases comes; is ctx.Done() one of "
      "them, and is that context ever cancelled?",
      scene.place);
}

std::string lock_advice(const Scene& scene) {
  return fmt::format(
      "{} waits for {} that another task holds; look for a return without "
      "Unlock, and for a call that blocks between Lock and Unlock.",
      scene.place, object_or(scene, "a lock"));
}

std::string fd_advice(const Scene& scene) {
  const std::string where =
      scene.objects.single() && scene.objects.top.ref.kind == WaitKind::kFd
          ? fmt::format(" (`ls -l /proc/{}/fd/{}` names it)",
                        scene.snapshot.target.pid,
                        scene.objects.top.ref.address)
          : "";
  return fmt::format(
      "{} waits for a peer that sends nothing{}; is there a deadline "
      "(SetDeadline, Client.Timeout, a context), and is the peer alive?",
      scene.place, where);
}

std::string other_advice(const Scene& scene) {
  return fmt::format("{} waits ({}); what should end that wait?", scene.place,
                     scene.reason.empty() ? "reason not known" : scene.reason);
}

std::string sentence(const Scene& scene, WaitKind kind) {
  switch (kind) {
    case WaitKind::kNilChannel:
      return scene.place +
             " waits on a nil channel, which nothing can wake; why was the "
             "channel never made?";
    case WaitKind::kChannel:
      return has(scene.reason, "send") ? send_advice(scene)
                                       : receive_advice(scene);
    case WaitKind::kSelect: return select_advice(scene);
    case WaitKind::kMutex:
    case WaitKind::kRwMutex: return lock_advice(scene);
    case WaitKind::kWaitGroup:
      return scene.place +
             " waits for a WaitGroup that does not come down to zero; look for "
             "a task that returned without Done, or is blocked itself.";
    case WaitKind::kCond:
      return scene.place +
             " waits for a Cond; who should Signal or Broadcast, and did it "
             "before the wait began?";
    case WaitKind::kTimer:
      return scene.place + " sleeps; what should end its loop?";
    case WaitKind::kFd: return fd_advice(scene);
    default: return other_advice(scene);
  }
}

}  // namespace

std::string short_function(std::string_view function) {
  // Type parameters have slashes of their own.
  const std::size_t package_end = function.find_first_of("([");
  const std::size_t slash = function.substr(0, package_end).rfind('/');
  return std::string(
      slash == std::string_view::npos ? function : function.substr(slash + 1));
}

std::string place_text(const SnapshotTables& tables, FrameId id) {
  const Frame* frame = frame_at(tables, id);
  if (frame == nullptr) return "";
  if (frame->file.empty()) return short_function(frame->function);
  return fmt::format("{}:{}", last_elements(frame->file, 2), frame->line);
}

std::string object_facts(const WaitObject& object) {
  std::string facts;
  if (object.capacity == 0) facts = "unbuffered";
  if (object.capacity > 0)
    facts = fmt::format("capacity {}",
                        grouped(static_cast<std::uint64_t>(object.capacity)));
  if (object.capacity > 0 && object.buffered >= 0)
    facts += fmt::format(", {} buffered",
                         grouped(static_cast<std::uint64_t>(object.buffered)));
  if (object.closed == 1) facts += facts.empty() ? "closed" : ", closed";
  return facts;
}

std::string advice_for(const Snapshot& snapshot, const Site& site,
                       const SiteObjects& objects) {
  const SnapshotTables& tables = *snapshot.tables;
  Scene scene{.snapshot = snapshot,
              .objects = objects,
              .reason = reason_text(tables, site.reason),
              .place = place_text(tables, site.blocked_at)};
  if (scene.place.empty()) scene.place = "It";
  const std::string creator = place_text(tables, site.created_at);
  return sentence(scene, reason_kind(tables, site.reason)) +
         (creator.empty() ? "" : " Created at " + creator + ".");
}

}  // namespace taskleak
