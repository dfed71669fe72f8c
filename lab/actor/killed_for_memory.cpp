// SPDX-License-Identifier: Apache-2.0
// The stage's part of dying for want of memory: the kernel's OOM killer in a small memory control group, then the reaper.
#include <fmt/format.h>
#include <time.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>

#include "lab/actor/stage.hpp"
#include "lab/process/remote_memory.hpp"
#include "lab/process/robust_list.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

// Enough for some small processes, and used up at once.
constexpr std::uint64_t little = std::uint64_t{8} << 20;

class bounded_wait {
 public:
  explicit bounded_wait(std::chrono::seconds bound)
      : end_(std::chrono::steady_clock::now() + bound) {}
  // False when the bound is reached.
  bool a_moment() const {
    constexpr timespec moment = {0, 100'000};
    nanosleep(&moment, nullptr);
    return std::chrono::steady_clock::now() < end_;
  }

 private:
  std::chrono::steady_clock::time_point end_;
};

bool can_be_read(thread_id thread, remote_address where) {
  std::byte seen = {};
  return try_read_memory(thread, where, std::span(&seen, 1));
}

} // namespace

void stage::use_up_memory_beside(actor& victim, actor& glutton) {
  if (!little_memory_) {
    little_memory_.emplace();
    little_memory_->limit(little);
  }
  const std::uint64_t kills_before = little_memory_->oom_kills();
  for (actor* each : {&glutton, &victim})
    little_memory_->admit(each->thread().process());
  offer_to_the_oom_killer(victim.thread().process());
  mailbox order = {};
  order.command = actor_command::use_up_memory;
  glutton.start(order);
  const bounded_wait wait(std::chrono::seconds(20));
  while (little_memory_->oom_kills() == kills_before) {
    const bool at_rest = glutton.thread().poll();
    if (at_rest && glutton.thread().status().as<system_call_stop>() != nullptr)
      glutton.thread().resume(resumption::run);
    else if (at_rest || !wait.a_moment())
      throw trouble(fmt::format("the OOM killer did not come, or took another process: {}",
                                glutton.thread().status().describe()));
  }
  tracer_.kill(glutton.thread().process()); // and the memory is free again
}

reaping stage::take_memory_of(tracee& victim) {
  reaping done;
  if (options_.memory_reaper == reaper::too_late) return done;
  const auto threads = tracer_.threads_of(victim.process());
  if (options_.before_reaping)
    for (tracee* thread : threads)
      done.kept_aside |= options_.before_reaping(*thread);
  const remote_address own_stack = victim.regs().sp();
  const auto head = robust_list_head_of(victim.id());
  // One that is called is done when it returns. The other takes one mapping after the other.
  const auto has_come = [&] {
    const bool awaits_head = options_.memory_reaper == reaper::awaited && head;
    return !can_be_read(victim.id(), own_stack) &&
           !(awaits_head && can_be_read(victim.id(), *head));
  };
  if (options_.memory_reaper == reaper::called) reap_memory_of(victim.process());
  const bounded_wait wait(std::chrono::seconds(20));
  while (!has_come())
    if (options_.memory_reaper == reaper::called || !wait.a_moment())
      throw trouble("the kernel's reaper left the private memory of the victim where it was");
  done.memory = true;
  done.list_head = head && !can_be_read(victim.id(), *head);
  return done;
}

reaping stage::kill_for_memory(actor& a) {
  actor& glutton = enter();
  std::optional<reaping> done;
  tracer_.kill(
      a.thread().process(),
      [&](tracee& dying) {
        if (!done) done = take_memory_of(a.thread());
        if (options_.at_exit) options_.at_exit(dying);
      },
      [&](thread_id) { use_up_memory_beside(a, glutton); });
  return done.value();
}

} // namespace heirlock::lab
