// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "lab/actor/arena.hpp"
#include "lab/actor/progress.hpp"
#include "lab/process/tracer.hpp"

namespace heirlock::lab {

// The instrument's hand on one thread of the actor program. Between orders the thread is stopped at its
// idle marker; inside an operation it can be stepped, run to an instruction, or left asleep.
class actor {
 public:
  actor(tracee& thread, mailbox& box, const actor_markers& markers, unsigned number)
      : thread_(&thread), box_(&box), markers_(&markers), number_(number) {}

  tracee& thread() { return *thread_; }
  thread_id id() const { return thread_->id(); }
  unsigned number() const { return number_; }
  bool in_call() const { return in_call_; }

  // An order other than `call`, from the idle marker to the idle marker. Throws trouble when the actor
  // does not come back.
  std::int64_t perform(const mailbox& order);
  // The same without waiting, and the wait for it: the result, or nullopt when it did not come back.
  void start(const mailbox& order);
  std::optional<std::int64_t> await(std::chrono::nanoseconds cpu_bound);

  // An order that is only written: whoever steps the actor on from its idle marker sees it carried out.
  void post(const mailbox& order) { *box_ = order; }

  // Enters an operation and stops before its first instruction.
  void begin(subject_call operation, std::uint64_t object);

  // Executes one instruction. After `asleep` or `spinning` it looks again, without resuming anything.
  progress step();
  // Whether a signal came in the last step, so that it led into the handler: the instruction is still to be executed.
  bool was_interrupted() const { return interrupted_; }

  // Runs on; if `stop_before` is given, until that instruction is about to be executed for the n-th time
  // from now (the instruction at which the actor is stopped does not count).
  progress run(std::optional<remote_address> stop_before = {}, unsigned n = 1);

  // Of an actor that was left asleep: waits until a sleep that has a timeout is over. False: it has none.
  bool wait_out_a_timeout();

  // Looks again at an actor that was left asleep or spinning.
  progress look();

  // Runs the operation to its end and takes the result; after it the actor is idle again.
  call_end finish();
  // The same when everybody else is idle or dead: `asleep` then means for ever.
  call_end finish_for_good();
  // An operation from its beginning to its end, beside which nobody acts.
  call_end call(subject_call operation, std::uint64_t object);

  // A harmless signal (its handler does nothing), as any program may get: an actor that sleeps wakes up
  // and looks at its lock again.
  progress nudge();

  // Delivers a signal to an actor stopped inside an operation and stops it inside the handler.
  progress interrupt();

  registers regs() const { return thread_->regs(); }

 private:
  void order(const mailbox& order);
  progress follow(resumption how, std::optional<remote_address> stop_before, unsigned n);
  bool has_returned();
  std::optional<progress> interpret_stop(std::optional<remote_address> stop_before);

  tracee* thread_;
  mailbox* box_;
  const actor_markers* markers_;
  unsigned number_;
  bool in_call_ = false;
  bool interrupted_ = false;
};

} // namespace heirlock::lab
