// SPDX-License-Identifier: Apache-2.0
#include "lab/audit/run.hpp"

#include <errno.h>
#include <fmt/format.h>
#include <linux/futex.h>
#include <string.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include "lab/audit/scenario.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

// A destroy that looks at every thread there is takes longer than any other call; one that waits goes on waiting.
constexpr unsigned looks_at_a_destroy = 5;

constexpr unsigned sleeps_in_vain = 50;

call_end end_of_destroy(actor& by, std::uint64_t lock) {
  if (!by.in_call()) by.begin(subject_call::destroy, lock);
  call_end end = by.finish();
  for (unsigned look = 1; look < looks_at_a_destroy && end.how == progress::spinning; ++look)
    end = by.finish();
  return end;
}

std::string error_name(int error) {
  const char* const name = strerrorname_np(error);
  return name != nullptr ? name : fmt::format("{}", error);
}

} // namespace

run_facts& run_facts::operator+=(const run_facts& other) {
  runs += other.runs;
  killed += other.killed;
  spoilt += other.spoilt;
  slept += other.slept;
  died_owning += other.died_owning;
  told += other.told;
  reused += other.reused;
  held_up += other.held_up;
  reaped += other.reaped;
  heads_reaped += other.heads_reaped;
  id_again += other.id_again;
  passed_over += other.passed_over;
  calls_held += other.calls_held;
  calls_let_go += other.calls_let_go;
  return *this;
}

run::run(stage& st, const scenario& what, operation op, std::uint32_t fill_bits)
    : stage_(st), ending_(what.victim_ends(op)), waits_out_timeouts_(what.waits_out_timeouts()),
      op_(op), fill_bits_(fill_bits), witness_(&st.enter()),
      sibling_(what.has_sibling() ? &st.enter() : nullptr),
      victim_(sibling_ != nullptr ? &st.enter_beside(*sibling_) : &st.enter()) {
  facts_.runs = 1;
}

std::uint64_t run::fill_word_of(const actor& a) const {
  const std::uint64_t half = static_cast<std::uint32_t>(a.id().value) | fill_bits_;
  return half << 32 | half;
}

void run::init(actor& by, std::uint64_t lock) {
  const call_end end = by.call(subject_call::init, lock);
  if (!end.returned(0))
    throw trouble(fmt::format("subject {}: init failed: {}", stage_.about().subject_name,
                              error_name(end.value)));
}

void run::victim_holds(std::uint64_t lock) {
  const call_end end = victim_->call(subject_call::lock, lock);
  if (!end.returned(0))
    throw trouble(fmt::format("subject {}: a lock that nobody has could not be locked ({})",
                              stage_.about().subject_name,
                              end.how == progress::returned ? error_name(end.value) : "it waits"));
  holders_[lock] = {victim_, false};
}

void run::owner_dies(actor& owner) {
  stage_.kill(owner);
  owner_dead_ = true;
  std::erase_if(holders_, [](const auto& h) { return h.second.by->thread().status().is_gone(); });
}

void run::victim_begins(std::uint64_t lock) {
  // Inside unlock the victim may or may not still own it; who may enter is then up to the lock.
  if (is_release(op_)) holders_.erase(lock);
  victim_->begin(call_of(op_), lock);
}

void run::note_kill_point() {
  word_at_kill_ = stage_.words(arena::object_a, sizeof(std::uint64_t))[0];
  if (const auto owner = owner_of(arena::object_a)) {
    victim_owned_ = is_victim_id(*owner);
    // Said here and not when the next one comes: by then the victim may be dead, or others have done the same.
    if (*victim_owned_ && is_held_by_another(arena::object_a))
      fail(verdict::two_owners, "the victim has got the lock while its owner was inside");
  }
}

bool run::is_held_by_another(std::uint64_t lock) const {
  const auto found = holders_.find(lock);
  return found != holders_.end() && found->second.by != victim_;
}

std::optional<bool> run::died_owning() const {
  if (!victim_dead_) return false;
  return victim_owned_;
}

void run::victim_goes_on(const std::function<void()>& cue) {
  call_end end = victim_->finish();
  if (end.waits()) {
    cue();
    end = victim_->finish_for_good();
  }
  if (!is_release(op_)) {
    note_end(*victim_, arena::object_a, end);
    if (end.waits()) judge_waiter(*victim_, arena::object_a, end);
    if (ending_ != ending::thread_exits) release(*victim_, arena::object_a);
  } else if (end.waits()) {
    fail(verdict::stuck, "the victim's unlock does not end");
  } else if (end.how != progress::returned) {
    fail(verdict::crashed, fmt::format("unlock crashed after the lock had gone on to others ({})",
                                       victim_->thread().status().describe()));
  } else if (end.value != 0) {
    fail(verdict::crashed, fmt::format("unlock returned {}", error_name(end.value)));
  }
  if (ending_ != ending::thread_exits || failed()) return;
  victim_owned_ = holds(*victim_, arena::object_a);
  stage_.end_thread(*victim_);
  note_death();
}

std::optional<pid_t> run::owner_of(std::uint64_t lock) {
  if (!stage_.about().subject_has_owner) return std::nullopt;
  return witness_->call(subject_call::owner, lock).value;
}

void run::victim_dies() {
  switch (ending_) {
  case ending::process_killed:
    stage_.kill(*victim_);
    break;
  case ending::killed_for_memory:
    note_reaping(stage_.kill_for_memory(*victim_));
    break;
  case ending::thread_exits:
    stage_.end_thread_here(*victim_);
    break;
  }
  note_death();
}

void run::note_reaping(const reaping& done) {
  facts_.reaped = done.memory;
  facts_.heads_reaped = done.list_head;
  modelled_ = done.kept_aside;
}

void run::note_death() {
  victim_dead_ = true;
  facts_.died_owning += victim_owned_.value_or(false);
  std::erase_if(holders_, [](const auto& h) { return h.second.by->thread().status().is_gone(); });
}

call_end run::acquire(actor& by, subject_call how, std::uint64_t lock) {
  by.begin(how, lock);
  return await(by, lock);
}

// Where timeouts are waited out, a sleep that has one is no end. How often it may come to nothing does not depend on how
// long it takes.
call_end run::await(actor& by, std::uint64_t lock) {
  call_end end = by.finish();
  if (waits_out_timeouts_)
    for (unsigned sleep = 0; sleep < sleeps_in_vain && end.how == progress::asleep; ++sleep) {
      if (!by.wait_out_a_timeout()) break;
      end = by.finish();
    }
  return note_end(by, lock, end);
}

call_end run::note_end(actor& by, std::uint64_t lock, call_end end) {
  if (end.waits()) {
    facts_.slept = 1;
  } else if (end.how != progress::returned) {
    fail(verdict::crashed,
         fmt::format("{} crashed ({})", who(by), by.thread().status().describe()));
  } else if (end.value == 0 || end.value == EOWNERDEAD) {
    const bool told = end.value == EOWNERDEAD;
    facts_.told += told;
    if (holders_.contains(lock))
      fail(verdict::two_owners, "a second one got the lock while its owner was inside");
    else if (told && !victim_dead_ && !owner_dead_)
      fail(verdict::false_death, "EOWNERDEAD while every owner was alive");
    holders_[lock] = {&by, told};
  } else if (end.value == ENOTRECOVERABLE) {
    fail(verdict::owner_lost, "ENOTRECOVERABLE, but nobody was told before");
  } else if (end.value != EBUSY) {
    fail(verdict::crashed, fmt::format("{}'s lock returned {}", who(by), error_name(end.value)));
  }
  return end;
}

bool run::holds(const actor& by, std::uint64_t lock) const {
  const auto found = holders_.find(lock);
  return found != holders_.end() && found->second.by == &by;
}

void run::release(actor& by, std::uint64_t lock) {
  const auto found = holders_.find(lock);
  if (found == holders_.end() || found->second.by != &by) return;
  if (found->second.told && stage_.about().subject_has_consistent) {
    const call_end end = by.call(subject_call::consistent, lock);
    if (!end.returned(0))
      fail(verdict::crashed, fmt::format("consistent returned {}", error_name(end.value)));
  }
  holders_.erase(lock);
  const call_end end = by.call(subject_call::unlock, lock);
  if (end.waits()) {
    fail(verdict::stuck, fmt::format("{}'s unlock does not end", who(by)));
  } else if (end.how != progress::returned) {
    fail(verdict::crashed,
         fmt::format("{} crashed in unlock ({})", who(by), by.thread().status().describe()));
  } else if (end.value != 0) {
    fail(verdict::crashed, fmt::format("{}'s unlock returned {}", who(by), error_name(end.value)));
  }
}

void run::left(actor& by, std::uint64_t lock) {
  if (holds(by, lock)) holders_.erase(lock);
}

bool run::note_destroyed(const call_end& end) {
  if (end.returned(0)) return true;
  fail(verdict::crashed, end.how == progress::returned
                             ? fmt::format("destroy returned {}", error_name(end.value))
                             : "destroy crashed");
  return false;
}

bool run::destroy(actor& by, std::uint64_t lock) {
  if (!stage_.about().subject_has_destroy) return true;
  const call_end end = end_of_destroy(by, lock);
  if (!end.waits()) return note_destroyed(end);
  facts_.held_up = 1;
  return false;
}

bool run::must_destroy(actor& by, std::uint64_t lock) {
  if (!stage_.about().subject_has_destroy) return true;
  call_end end = end_of_destroy(by, lock);
  if (end.how == progress::asleep) end = by.finish_for_good();
  if (!end.waits()) return note_destroyed(end);
  fail(verdict::stuck, "the lock can never be destroyed: destroy waits for nobody who is left");
  return false;
}

bool run::join(actor& by, const actor& ended) {
  mailbox order = {};
  order.command = actor_command::join_thread;
  order.value = ended.number();
  by.start(order);
  if (by.await(std::chrono::milliseconds(10)) == 0) return true;
  fail(verdict::stuck, "pthread_join does not return though the thread is gone");
  return false;
}

// Somebody waits for ever. Whether the lock could be had tells a lost wake-up from a lost owner.
void run::judge_waiter(const actor& by, std::uint64_t lock, call_end end) {
  if (end.how == progress::spinning) {
    fail(verdict::stuck, fmt::format("{} spins for ever", who(by)));
    return;
  }
  const call_end now = stage_.enter().call(subject_call::trylock, lock);
  if (now.waits()) {
    fail(verdict::owner_lost, "a waiter sleeps for ever, and so does who only tries");
  } else if (now.returned(EBUSY)) {
    fail(verdict::owner_lost,
         victim_dead_ || owner_dead_
             ? "the owner is dead, nobody is told, and the lock stays taken for ever"
             : "nobody has died, and the lock stays taken for ever");
  } else if (now.returned(0) || now.returned(EOWNERDEAD)) {
    fail(verdict::lost_wakeup, "the lock can be had, but a waiter sleeps for ever");
  } else {
    fail(verdict::owner_lost,
         fmt::format("a waiter sleeps for ever, and trylock returns {}", error_name(now.value)));
  }
}

bool run::must_be_served(actor& by, std::uint64_t lock) {
  call_end end = await(by, lock);
  if (end.how == progress::asleep) end = note_end(by, lock, by.finish_for_good());
  if (end.waits()) {
    judge_waiter(by, lock, end);
    return false;
  }
  release(by, lock);
  return end.how == progress::returned;
}

bool run::obtain(actor& by, std::uint64_t lock) {
  if (failed()) return false;
  by.begin(subject_call::lock, lock);
  return must_be_served(by, lock);
}

void run::fail(verdict what, std::string note) {
  fail(what, std::move(note), word_at_kill_,
       stage_.words(arena::object_a, sizeof(std::uint64_t))[0]);
}

void run::fail(verdict what, std::string note, std::uint64_t before, std::uint64_t after) {
  if (failed()) return;
  finding_ = {what, std::move(note), fmt::format("{:016x}", before), fmt::format("{:016x}", after)};
}

void run::expect_unchanged(std::span<const std::uint64_t> before,
                           std::span<const std::uint64_t> after, const char* what) {
  const auto [was, is] = std::mismatch(before.begin(), before.end(), after.begin(), after.end());
  if (was == before.end()) return;
  if (failed()) return;
  fail(verdict::corrupted,
       fmt::format("{}, byte {}, has been written to", what, (was - before.begin()) * 8), *was,
       *is);
  finding_.by_exit_walk = victim_dead_ && is_exit_walk(before, after);
}

// One futex word that named the victim has the mark of a dead owner in the TID's place.
bool run::is_exit_walk(std::span<const std::uint64_t> before,
                       std::span<const std::uint64_t> after) const {
  const auto words_of = [](std::span<const std::uint64_t> memory) {
    std::vector<std::uint32_t> words(memory.size() * 2);
    std::memcpy(words.data(), memory.data(), memory.size_bytes());
    return words;
  };
  const std::vector<std::uint32_t> was = words_of(before);
  const std::vector<std::uint32_t> is = words_of(after);
  const auto [from, to] = std::mismatch(was.begin(), was.end(), is.begin(), is.end());
  return from != was.end() && is_victim_id(static_cast<pid_t>(*from & FUTEX_TID_MASK)) &&
         *to == ((*from & FUTEX_WAITERS) | FUTEX_OWNER_DIED) &&
         std::equal(from + 1, was.end(), to + 1, is.end());
}

} // namespace heirlock::lab
