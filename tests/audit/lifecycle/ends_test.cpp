// SPDX-License-Identifier: Apache-2.0
// fork and the end of a thread, killed at every instruction. They are no operations of a lock, so the steps are taken
// here; the processes, the lock and the judgement are those of an audit.
#include "lab/actor/stage.hpp"
#include "life_list.hpp"

#include <cerrno>
#include <cstdlib>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <string>
#include <sys/ptrace.h>

namespace heirlock::lab {
namespace {

constexpr unsigned longest_way = 20'000;

// Planted faults are put in the library's place by the environment; see found.script.
const char* library() {
  const char* const planted = getenv("HEIRLOCK_ENDS_LIBRARY");
  return planted != nullptr ? planted : sound_life;
}

stage_options life_of(const char* mode) {
  setenv("HEIRLOCK_LIFE", "claim", 1);
  setenv("HEIRLOCK_LIFE_MODE", mode, 1);
  stage_options surroundings;
  surroundings.subject = library();
  surroundings.actor_program = HEIRLOCK_ACTOR_PROGRAM;
  return surroundings;
}

mailbox order_to(actor_command command, std::uint64_t value = 0) {
  mailbox order = {};
  order.command = command;
  order.value = value;
  return order;
}

bool stands_at(actor& a, std::uint64_t marker) {
  return a.thread().status().is_signal(SIGTRAP) && trap_address(a.regs()).value == marker;
}

// One step of an actor that stands. False: it is about to rest at its idle marker, or gone.
bool step(stage& st, actor& a) {
  a.thread().resume(resumption::step);
  a.thread().wait();
  return !a.thread().status().is_gone() && !stands_at(a, st.about().markers.idle);
}

// Takes `steps` steps; fewer, when the way is shorter. How many.
unsigned take(stage& st, actor& a, unsigned steps) {
  unsigned taken = 0;
  while (taken < steps && step(st, a))
    ++taken;
  return taken;
}

testing::AssertionResult returns(const call_end& end, int expected) {
  if (end.returned(expected)) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "progress " << static_cast<int>(end.how) << ", value "
                                     << end.value << " instead of " << expected;
}

testing::AssertionResult locks(actor& a, int expected = 0) {
  return returns(a.call(subject_call::lock, arena::object_a), expected);
}
testing::AssertionResult tries(actor& a, int expected) {
  return returns(a.call(subject_call::trylock, arena::object_a), expected);
}
testing::AssertionResult unlocks(actor& a) {
  return returns(a.call(subject_call::unlock, arena::object_a), 0);
}
testing::AssertionResult inherits(actor& a) {
  const auto locked = locks(a, EOWNERDEAD);
  if (!locked) return locked;
  const auto repaired = returns(a.call(subject_call::consistent, arena::object_a), 0);
  return repaired ? unlocks(a) : repaired;
}
testing::AssertionResult takes_it_clean(actor& a) {
  const auto locked = locks(a);
  return locked ? unlocks(a) : locked;
}

struct HeirlocksEnds : testing::TestWithParam<const char*> {
  // Each kill point once; the body brings the victim there and judges, and says false when the way was over before.
  template <class Body>
  void at_each_instruction(stage& st, const Body& body) {
    unsigned n = 0;
    for (bool reached = true; reached && !HasFailure(); ++n) {
      ASSERT_LT(n, longest_way) << "it never ends";
      SCOPED_TRACE(fmt::format("killed before instruction {}", n));
      st.clear();
      reached = body(n);
    }
    st.clear();
    fmt::print("{} kill points\n", n);
    EXPECT_GT(n, 30u);
  }
};

INSTANTIATE_TEST_SUITE_P(Modes, HeirlocksEnds, testing::Values("rmw", "asymmetric"),
                         [](const auto& mode) { return std::string(mode.param); });

// To the fork inside a parent, which is then held in it; the child stands before its first instruction.
actor& give_birth(stage& st, actor& parent) {
  parent.post(order_to(actor_command::fork_actor, st.next_number()));
  do {
    parent.thread().resume(resumption::run);
    parent.thread().wait();
  } while (!parent.thread().status().is_event(PTRACE_EVENT_FORK) &&
           !parent.thread().status().is_event(PTRACE_EVENT_CLONE));
  return st.adopt_child(parent);
}

TEST_P(HeirlocksEnds, AChildThatIsKilledAnywhereAfterItsBirthHarmsNobody) {
  stage st(life_of(GetParam()));
  at_each_instruction(st, [&](unsigned n) {
    actor& parent = st.enter();
    actor& other = st.enter();
    EXPECT_TRUE(returns(other.call(subject_call::init, arena::object_a), 0));
    EXPECT_TRUE(locks(parent));
    actor& child = give_birth(st, parent);
    st.run_to_idle(parent);
    const bool reached = take(st, child, n) == n;
    st.kill(child);
    EXPECT_TRUE(tries(other, EBUSY)) << "the parent lives and owns it";
    EXPECT_TRUE(unlocks(parent));
    EXPECT_TRUE(takes_it_clean(other));
    EXPECT_TRUE(takes_it_clean(parent));
    return reached;
  });
}

TEST_P(HeirlocksEnds, AChildOwnsNothingAndHearsOfItsParentsDeath) {
  stage st(life_of(GetParam()));
  actor& parent = st.enter();
  EXPECT_TRUE(returns(parent.call(subject_call::init, arena::object_a), 0));
  EXPECT_TRUE(locks(parent));
  actor& child = give_birth(st, parent);
  st.run_to_idle(parent);
  st.run_to_idle(child);
  EXPECT_TRUE(returns(child.call(subject_call::unlock, arena::object_a), EPERM));
  EXPECT_TRUE(tries(child, EBUSY));
  st.kill(parent);
  EXPECT_TRUE(inherits(child));
  EXPECT_TRUE(takes_it_clean(st.enter()));
}

TEST_P(HeirlocksEnds, AnOwnerThatIsKilledAnywhereInForkIsReportedThoughItsChildLives) {
  stage st(life_of(GetParam()));
  unsigned with_child = 0;
  at_each_instruction(st, [&](unsigned n) {
    actor& parent = st.enter();
    actor& other = st.enter();
    EXPECT_TRUE(returns(other.call(subject_call::init, arena::object_a), 0));
    EXPECT_TRUE(locks(parent));
    parent.post(order_to(actor_command::fork_actor, st.next_number()));
    actor* child = nullptr;
    unsigned taken = 0;
    bool goes_on = true;
    for (; taken < n && goes_on; ++taken) {
      goes_on = step(st, parent);
      if (parent.thread().status().is_event(PTRACE_EVENT_FORK) ||
          parent.thread().status().is_event(PTRACE_EVENT_CLONE))
        child = &st.adopt_child(parent);
    }
    with_child += child != nullptr;
    st.kill(parent);
    if (child != nullptr) st.run_to_idle(*child);
    EXPECT_TRUE(inherits(other));
    if (child != nullptr) {
      EXPECT_TRUE(takes_it_clean(*child));
    }
    EXPECT_TRUE(takes_it_clean(st.enter()));
    return goes_on;
  });
  EXPECT_GT(with_child, 0u);
}

// Two threads: one ends while it owns the lock, and the process is killed on its way; then the same with a process
// that lives on.
TEST_P(HeirlocksEnds, AThreadThatEndsAsTheOwnerIsReportedWhereverItsProcessIsKilled) {
  stage st(life_of(GetParam()));
  at_each_instruction(st, [&](unsigned n) {
    actor& first = st.enter();
    actor& other = st.enter();
    EXPECT_TRUE(returns(other.call(subject_call::init, arena::object_a), 0));
    actor& ends = st.enter_beside(first);
    EXPECT_TRUE(locks(ends));
    ends.post(order_to(actor_command::exit_thread));
    const bool reached = take(st, ends, n) == n;
    st.kill(first);
    EXPECT_TRUE(inherits(other));
    EXPECT_TRUE(takes_it_clean(st.enter()));
    return reached;
  });
}

TEST_P(HeirlocksEnds, AThreadThatEndsAsTheOwnerIsReportedInAProcessThatLivesOn) {
  stage st(life_of(GetParam()));
  actor& first = st.enter();
  EXPECT_TRUE(returns(first.call(subject_call::init, arena::object_a), 0));
  actor& ends = st.enter_beside(first);
  EXPECT_TRUE(locks(ends));
  st.end_thread(ends);
  EXPECT_TRUE(inherits(first));
  EXPECT_TRUE(takes_it_clean(st.enter()));
}

} // namespace
} // namespace heirlock::lab
