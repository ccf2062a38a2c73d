// Copyright 2026 The task-leakd Authors. SPDX-License-Identifier: Apache-2.0
//
// Groups suspects and writes their facts; see evidence.h. The kinds are an
// interface for machines, the sentences are for a person.
#include "verdict/evidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/clock.h"

namespace taskleak {
namespace {

constexpr std::uint32_t kNoGroup = 0xffffffffU;
constexpr std::size_t kGroupsOfASite =
    2 * (static_cast<std::size_t>(WaitStartSource::kFirstSeen) + 1);

enum FixedSlot { kTornSlot = kWaitNatures, kNoStateSlot, kFixedSlots };

/// "850ms", "12s", "3m20s", "5h1m", "2d4h": two parts at most.
std::string duration(std::int64_t ns) {
  constexpr std::int64_t kMinute = 60, kHour = 3600, kDay = 86400;
  const std::int64_t s = ns / kNsPerSecond;
  if (s < 1) return fmt::format("{}ms", ns / kNsPerMs);
  if (s < kMinute) return fmt::format("{}s", s);
  if (s < kHour) return fmt::format("{}m{}s", s / kMinute, s % kMinute);
  if (s < kDay) return fmt::format("{}h{}m", s / kHour, s % kHour / kMinute);
  return fmt::format("{}d{}h", s / kDay, s % kDay / kHour);
}

const char* how_known(WaitStartSource source) {
  switch (source) {
    case WaitStartSource::kEvent: return "a probe saw the wait begin";
    case WaitStartSource::kRuntime:
      return "the runtime recorded when the wait began, to within a bound";
    case WaitStartSource::kScheduler:
      return "the kernel recorded when the task last ran";
    case WaitStartSource::kFirstSeen:
      return "it was waiting already when it was first looked at: the wait may "
             "be older";
    case WaitStartSource::kNone: break;
  }
  return "when the wait began is not known";
}

Evidence explanation(WaitNature nature) {
  switch (nature) {
    case WaitNature::kMainIdiom:
      return {"main_idiom",
              "the main task waits for ever on purpose: select without cases"};
    case WaitNature::kEndsByItself:
      return {"ends_by_itself", "such a wait ends by itself"};
    case WaitNature::kDeadline:
      return {"deadline", "the wait ends at a deadline that is still to come"};
    case WaitNature::kRuntime: return {"runtime", "the runtime's own wait"};
    case WaitNature::kListening:
      return {"listening", "it waits for a client to connect"};
    case WaitNature::kLibraryIo:
      return {"library_io",
              "a library's own wait for its peer: no code of the user is on "
              "the stack"};
    case WaitNature::kOpen:
    case WaitNature::kHopeless: break;
  }
  return {"open", "somebody has to end the wait"};
}

std::string age_text(std::int64_t youngest, std::int64_t oldest,
                     std::int64_t limit) {
  if (youngest == oldest)
    return fmt::format("waits for at least {}, more than the {} allowed",
                       duration(oldest), duration(limit));
  return fmt::format(
      "such tasks wait for at least {} to {}, more than the {} allowed",
      duration(youngest), duration(oldest), duration(limit));
}

}  // namespace

EvidenceBook::EvidenceBook(const Snapshot& snapshot, const Policy& policy)
    : snapshot_(snapshot),
      policy_(policy),
      group_of_((snapshot.sites.size() + 1) * kGroupsOfASite, kNoGroup),
      fixed_(kFixedSlots),
      lists_(1) {}

std::uint32_t EvidenceBook::suspect(const Task& task, WaitNature nature,
                                    std::int64_t age_ns) {
  const bool hopeless = nature == WaitNature::kHopeless;
  const std::size_t site =
      task.site.valid() ? task.site.value : snapshot_.sites.size();
  std::uint32_t& place =
      group_of_[site * kGroupsOfASite +
                static_cast<std::size_t>(task.wait.source) * 2 +
                (hopeless ? 1 : 0)];
  if (place == kNoGroup) {
    place = static_cast<std::uint32_t>(groups_.size());
    groups_.push_back({static_cast<std::uint32_t>(lists_.size()), hopeless, 0,
                       age_ns, age_ns, task});
    lists_.emplace_back();
  }
  Group& group = groups_[place];
  ++group.tasks;
  group.youngest_ns = std::min(group.youngest_ns, age_ns);
  group.oldest_ns = std::max(group.oldest_ns, age_ns);
  return group.index;
}

std::uint32_t EvidenceBook::fixed(int slot, Evidence fact) {
  std::uint32_t& index = fixed_[static_cast<std::size_t>(slot)];
  if (index == 0) {
    index = static_cast<std::uint32_t>(lists_.size());
    lists_.push_back({std::move(fact)});
  }
  return index;
}

std::uint32_t EvidenceBook::explained(WaitNature nature) {
  return fixed(static_cast<int>(nature), explanation(nature));
}

std::uint32_t EvidenceBook::torn() {
  return fixed(kTornSlot,
               {"torn", "its record changed under every read of this epoch"});
}

std::uint32_t EvidenceBook::no_state() {
  return fixed(kNoStateSlot, {"no_state", "its state could not be read"});
}

std::vector<Evidence> EvidenceBook::words(const Group& group) const {
  std::vector<Evidence> facts;
  facts.push_back({"age", age_text(group.youngest_ns, group.oldest_ns,
                                   policy_.suspect_after_ns)});
  facts.push_back({"age_source", how_known(group.sample.wait.source)});
  facts.push_back({"never_ran", "it did not run since the wait began"});
  if (group.hopeless)
    facts.push_back(
        {"hopeless",
         "nothing can ever wake it: " +
             snapshot_.tables->reasons[group.sample.reason.value].text});
  if (!group.sample.site.valid()) return facts;
  const Site& site = snapshot_.sites[group.sample.site.value];
  if (site.tasks > 1)
    facts.push_back({"siblings", fmt::format("{} of {} tasks at this site wait "
                                             "as long",
                                             group.tasks, site.tasks)});
  if (site.created > 0)
    facts.push_back(
        {"growth", fmt::format("since the probes came its creation site "
                               "created {} tasks, {} of all its tasks ended",
                               site.created, site.finished)});
  return facts;
}

std::vector<std::vector<Evidence>> EvidenceBook::write() {
  for (const Group& group : groups_) lists_[group.index] = words(group);
  return std::move(lists_);
}

}  // namespace taskleak
