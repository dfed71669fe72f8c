// SPDX-License-Identifier: Apache-2.0
//
// A queue of two: an heir that sleeps on the owner, and the next one, which sleeps on the heir. The owner lets go, and the
// heir is killed at every instruction of its way from there to the return of its own unlock. The backstop is off: if a
// death there left the next one asleep, that would hang.
#include "tests/core/inside.hpp"
#include "tests/core/stepped.hpp"

#include <atomic>
#include <ostream>
#include <string>

namespace heirlock::test {
namespace {

enum stage : int { waiting, has_it, releasing, over };

struct queue_of_two {
  explicit queue_of_two(const domain& where) : lock(where) {}
  heirlock::mutex lock;
  std::atomic<int> heir{waiting}, served{0}, inherited{0};
  std::atomic<bool> let_go{false};

  int inherit() {
    lock.lock();
    heir = has_it;
    while (!let_go)
      usleep(100);
    heir = releasing;
    lock.unlock();
    heir = over;
    return pause();
  }
  // Lives on: a death would wake whom it forgot.
  int come_next() {
    auto got = lock.acquire();
    if (!got.owns()) return 1;
    if (got.needs_repair()) ++inherited;
    ++served;
    return pause();
  }
};

struct killed_in {
  const char* call;
  stage end;
};
void PrintTo(const killed_in& where, std::ostream* to) {
  *to << where.call;
}

struct HeirTest : testing::TestWithParam<std::tuple<unlock_mode, killed_in>> {
  own_domain where = nameless(std::get<0>(GetParam()));

  // Kills the heir after so many instructions; fewer where it comes to the end of the call.
  void kill_after(int instructions, stage end, queue_of_two& at, bool& ended, bool& owned) {
    at.lock.lock();
    const auto slept_before = where.inspect().head_sleeps;
    stepped heir([&] { return at.inherit(); });
    ASSERT_EQ(heir.run_to_call({SYS_futex_waitv}), SYS_futex_waitv);
    heir.begin_call();
    ASSERT_TRUE(heir.falls_asleep());
    child next([&] { return at.come_next(); });
    ASSERT_TRUE(next.falls_asleep());
    at.lock.unlock();
    ASSERT_TRUE(heir.call_returns());
    if (end == over) {
      ASSERT_EQ(heir.run_to_call({SYS_clock_nanosleep}), SYS_clock_nanosleep);
      // The next one was told, and watches the heir as the heir watched the owner.
      ASSERT_TRUE(eventually([&] { return where.inspect().head_sleeps == slept_before + 2; }));
      ASSERT_TRUE(next.falls_asleep());
      at.let_go = true;
      ASSERT_TRUE(heir.step_until([&] { return at.heir == releasing; }));
    }
    for (int i = 0; i < instructions && !ended; ++i) {
      ASSERT_TRUE(heir.step());
      ended = at.heir == end;
    }
    int owner = 0;
    ASSERT_EQ(heirlock_owner_tid(&cells_of(at.lock), &owner), 0);
    owned = owner == heir.pid();
    heir.kill_now();
    EXPECT_TRUE(eventually([&] { return at.served == 1; }));
    EXPECT_EQ(at.inherited, owned ? 1 : 0);
  }
};

INSTANTIATE_TEST_SUITE_P(
    Ways, HeirTest,
    testing::Combine(testing::Values(unlock_mode::rmw, unlock_mode::asymmetric),
                     testing::Values(killed_in{"Lock", has_it}, killed_in{"Unlock", over})),
    [](const auto& way) {
      return std::string(std::get<1>(way.param).call) +
             (std::get<0>(way.param) == unlock_mode::rmw ? "Rmw" : "Asymmetric");
    });

TEST_P(HeirTest, IsFollowedWhereverItIsKilled) {
  constexpr int longest_way = 3000;
  const stage end = std::get<1>(GetParam()).end;
  int died_owning = 0, died_without = 0;
  bool ended = false;
  for (int instructions = 0; !ended && !HasFailure(); ++instructions) {
    SCOPED_TRACE("killed after " + std::to_string(instructions) + " instructions");
    ASSERT_LT(instructions, longest_way) << "the heir does not come to the end of its call";
    shared<queue_of_two> at(where);
    bool owned = false;
    kill_after(instructions, end, *at, ended, owned);
    ++(owned ? died_owning : died_without);
  }
  EXPECT_GT(died_owning, 10);
  EXPECT_GT(died_without, 10);
}

} // namespace
} // namespace heirlock::test
