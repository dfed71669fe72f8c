// SPDX-License-Identifier: Apache-2.0
// That the toys are what the audit takes them for: subjects that work while nobody is killed, each with
// a well-formed expectation, and sound ones that really report a death.
#include "tests/audit/toy/actor_process.hpp"
#include "tests/audit/toy/toy_library.hpp"

#include "toy_list.hpp"

#include <gtest/gtest.h>

#include <sys/mman.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <vector>

using namespace heirlock::lab;
using std::string;

namespace {

using paths = std::vector<string>;

string stem(const string& path) {
  return std::filesystem::path(path).stem().string();
}

paths broken() {
  return {std::begin(broken_toys), std::end(broken_toys)};
}
paths safe() {
  return {std::begin(safe_toys), std::end(safe_toys)};
}
paths all() {
  paths both = broken();
  both.insert(both.end(), std::begin(safe_toys), std::end(safe_toys));
  return both;
}
// The safe ones, and the base of the broken ones: in these scenarios it does as a sound one would.
paths sound() {
  paths found = safe();
  for (const auto& path : broken())
    if (stem(path) == "pending-outlives-release") found.push_back(path);
  return found;
}

paths that_take_over_the_living() {
  paths found;
  for (const auto& path : broken())
    if (stem(path) == "takes-over-the-living") found.push_back(path);
  return found;
}

string test_name(const testing::TestParamInfo<string>& info) {
  string name = stem(info.param);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class toys : public testing::TestWithParam<string> {
 protected:
  toys() : toy_(GetParam()) {
    shared_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared_ == MAP_FAILED) throw std::bad_alloc();
    EXPECT_EQ(subject().init(shared_), 0);
  }
  ~toys() override {
    actors_.clear();
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a process was left behind";
    EXPECT_EQ(errno, ECHILD);
    munmap(shared_, mapped_);
  }

  const heirlock_subject& subject() const { return toy_.subject(); }
  pid_t owner() const { return subject().owner(shared_); }
  actor_process& actor() {
    actors_.push_back(std::make_unique<actor_process>(subject(), shared_));
    return *actors_.back();
  }

  void* other_lock() const { return static_cast<char*>(shared_) + HEIRLOCK_SUBJECT_MAX_SIZE; }

  static constexpr std::size_t mapped_ = std::size_t{2} * HEIRLOCK_SUBJECT_MAX_SIZE;
  toy_library toy_;
  void* shared_ = nullptr;
  std::vector<std::unique_ptr<actor_process>> actors_;
};

using every_toy = toys;
using broken_toy = toys;
using safe_toy = toys;
using sound_toy = toys;
using lets_a_second_owner_in = toys;

} // namespace

TEST_P(every_toy, implements_the_interface_of_a_subject) {
  EXPECT_EQ(subject().abi, HEIRLOCK_SUBJECT_ABI);
  EXPECT_GE(subject().size, sizeof(std::uint32_t));
  EXPECT_LE(subject().size, HEIRLOCK_SUBJECT_MAX_SIZE);
  EXPECT_EQ(subject().name, stem(GetParam()));
  EXPECT_STRNE(subject().summary, "");
  EXPECT_TRUE(subject().init && subject().lock && subject().trylock && subject().unlock);
}

TEST_P(every_toy, locks_and_unlocks_while_nobody_is_killed) {
  auto& one = actor();
  auto& other = actor();
  EXPECT_EQ(owner(), 0);
  EXPECT_EQ(one.call(actor_command::lock), 0);
  EXPECT_EQ(owner(), one.pid());
  EXPECT_EQ(other.call(actor_command::trylock), EBUSY);
  EXPECT_EQ(other.call(actor_command::unlock), EPERM);
  EXPECT_EQ(other.call(actor_command::destroy), EBUSY);
  EXPECT_EQ(one.call(actor_command::unlock), 0);
  EXPECT_EQ(owner(), 0);
  EXPECT_EQ(other.call(actor_command::trylock), 0);
  EXPECT_EQ(owner(), other.pid());
  EXPECT_EQ(one.call(actor_command::trylock), EBUSY);
  EXPECT_EQ(other.call(actor_command::unlock), 0);
  EXPECT_EQ(one.call(actor_command::lock), 0);
  EXPECT_EQ(one.call(actor_command::consistent), EINVAL);
  EXPECT_EQ(one.call(actor_command::unlock), 0);
  EXPECT_EQ(one.call(actor_command::destroy), 0);
}

TEST_P(broken_toy, says_in_known_words_what_the_audit_has_to_find) {
  const std::set<string> operations{"lock",           "trylock",           "unlock",
                                    "lock-contended", "trylock-contended", "unlock-contended"};
  const std::set<string> scenarios{"reuse-same-process",
                                   "reuse-other-process",
                                   "remap-file",
                                   "waiter-asleep",
                                   "woken-waiter-killed",
                                   "owner-killed",
                                   "killed-while-locking",
                                   "signal-in-window",
                                   "thread-exit-holding",
                                   "join-then-free",
                                   "many-held",
                                   "unmapped-while-held",
                                   "recursive-tid-reuse",
                                   "oom-kill"};
  const std::set<string> verdicts{"corrupted",   "lost wake-up", "owner lost", "false death",
                                  "false owner", "two owners",   "stuck",      "crashed"};
  EXPECT_FALSE(toy_.expectations().empty());
  for (const auto& expected : toy_.expectations()) {
    EXPECT_TRUE(operations.count(expected.op)) << expected.op;
    EXPECT_TRUE(scenarios.count(expected.scenario)) << expected.scenario;
    EXPECT_TRUE(verdicts.count(expected.verdict)) << expected.verdict;
  }
}

TEST_P(broken_toy, declares_a_window_inside_its_own_code) {
  for (const auto& expected : toy_.expectations()) {
    const auto begin = reinterpret_cast<std::uintptr_t>(expected.where_begin);
    const auto end = reinterpret_cast<std::uintptr_t>(expected.where_end);
    const auto text = toy_.text();
    EXPECT_TRUE(!begin || text.contains(begin)) << expected.op;
    EXPECT_TRUE(!end || text.contains(end)) << expected.op;
    EXPECT_TRUE(!begin || !end || begin < end) << expected.op;
  }
}

TEST_P(safe_toy, expects_no_violation) {
  EXPECT_TRUE(toy_.expectations().empty());
}

TEST_P(sound_toy, hands_over_to_a_waiter_when_it_is_unlocked) {
  auto& one = actor();
  auto& waiter = actor();
  ASSERT_EQ(one.call(actor_command::lock), 0);
  waiter.begin(actor_command::lock);
  waiter.wait_until_it_waits();
  EXPECT_EQ(one.call(actor_command::unlock), 0);
  EXPECT_EQ(waiter.result(), 0);
  EXPECT_EQ(owner(), waiter.pid());
}

TEST_P(sound_toy, tells_the_next_owner_of_a_death_and_nobody_after_it) {
  auto& victim = actor();
  ASSERT_EQ(victim.call(actor_command::lock), 0);
  victim.kill();
  auto& next = actor();
  EXPECT_EQ(next.call(actor_command::lock), EOWNERDEAD);
  EXPECT_EQ(next.call(actor_command::consistent), 0);
  EXPECT_EQ(next.call(actor_command::unlock), 0);
  EXPECT_EQ(actor().call(actor_command::trylock), 0);
}

TEST_P(sound_toy, tells_again_when_the_one_who_was_told_dies) {
  auto& victim = actor();
  ASSERT_EQ(victim.call(actor_command::lock), 0);
  victim.kill();
  auto& next = actor();
  ASSERT_EQ(next.call(actor_command::trylock), EOWNERDEAD);
  next.kill();
  EXPECT_EQ(actor().call(actor_command::trylock), EOWNERDEAD);
}

TEST_P(sound_toy, cannot_be_used_after_an_unlock_without_recovery) {
  auto& victim = actor();
  ASSERT_EQ(victim.call(actor_command::lock), 0);
  victim.kill();
  auto& next = actor();
  ASSERT_EQ(next.call(actor_command::lock), EOWNERDEAD);
  EXPECT_EQ(next.call(actor_command::unlock), 0);
  EXPECT_EQ(owner(), 0);
  EXPECT_EQ(actor().call(actor_command::lock), ENOTRECOVERABLE);
  EXPECT_EQ(actor().call(actor_command::trylock), ENOTRECOVERABLE);
  EXPECT_EQ(next.call(actor_command::destroy), 0);
}

TEST_P(sound_toy, tells_one_of_several_waiters_and_lets_each_of_them_in) {
  auto& victim = actor();
  ASSERT_EQ(victim.call(actor_command::lock), 0);
  std::vector<actor_process*> waiters{&actor(), &actor(), &actor()};
  for (auto* waiter : waiters) {
    waiter->begin(actor_command::lock);
    waiter->wait_until_it_waits();
  }
  victim.kill();
  int told = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!waiters.empty()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << waiters.size() << " still wait";
    // Whoever is inside is named by the lock, once it is.
    const auto inside = std::find_if(waiters.begin(), waiters.end(),
                                     [&](const auto* waiter) { return waiter->pid() == owner(); });
    if (inside == waiters.end()) continue;
    const int outcome = (*inside)->result();
    if (outcome == EOWNERDEAD) {
      ++told;
      EXPECT_EQ((*inside)->call(actor_command::consistent), 0);
    } else {
      EXPECT_EQ(outcome, 0);
    }
    EXPECT_EQ((*inside)->call(actor_command::unlock), 0);
    waiters.erase(inside);
  }
  EXPECT_EQ(told, 1);
}

TEST_P(sound_toy, is_not_hurt_by_the_death_of_a_waiter) {
  auto& one = actor();
  ASSERT_EQ(one.call(actor_command::lock), 0);
  auto& doomed = actor();
  auto& waiter = actor();
  for (auto* who : {&doomed, &waiter}) {
    who->begin(actor_command::lock);
    who->wait_until_it_waits();
  }
  doomed.kill();
  EXPECT_EQ(one.call(actor_command::unlock), 0);
  EXPECT_EQ(waiter.result(), 0);
}

TEST_P(sound_toy, notices_the_death_of_a_child_that_was_forked_after_the_parent_entered) {
  auto& parent = actor();
  EXPECT_EQ(parent.call(actor_command::let_child_die_owning), 0);
  EXPECT_EQ(parent.call(actor_command::trylock), EOWNERDEAD);
}

// The node of a lock is in one list. This is why a storm over such a lock may find a hang besides: two locks are held one
// inside the other, and the outer one is lost.
TEST_P(lets_a_second_owner_in, cuts_what_the_first_took_before_off_its_list) {
  void* const inner = shared_;
  void* const outer = other_lock();
  ASSERT_EQ(subject().init(outer), 0);
  for (const bool second_comes : {false, true}) {
    auto& first = actor();
    auto& second = actor();
    ASSERT_EQ(first.call(actor_command::lock, outer), 0);
    ASSERT_EQ(first.call(actor_command::lock, inner), 0);
    if (second_comes) {
      ASSERT_EQ(second.call(actor_command::lock, inner), EOWNERDEAD) << "beside the first";
    }
    first.kill();
    auto& heir = actor();
    EXPECT_EQ(heir.call(actor_command::trylock, outer), second_comes ? EBUSY : EOWNERDEAD);
    if (second_comes) return;
    ASSERT_EQ(heir.call(actor_command::lock, inner), EOWNERDEAD);
    for (void* lock : {inner, outer}) {
      ASSERT_EQ(heir.call(actor_command::consistent, lock), 0);
      ASSERT_EQ(heir.call(actor_command::unlock, lock), 0);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(toy, every_toy, testing::ValuesIn(all()), test_name);
INSTANTIATE_TEST_SUITE_P(toy, broken_toy, testing::ValuesIn(broken()), test_name);
INSTANTIATE_TEST_SUITE_P(toy, safe_toy, testing::ValuesIn(safe()), test_name);
INSTANTIATE_TEST_SUITE_P(toy, sound_toy, testing::ValuesIn(sound()), test_name);
INSTANTIATE_TEST_SUITE_P(toy, lets_a_second_owner_in,
                         testing::ValuesIn(that_take_over_the_living()), test_name);
