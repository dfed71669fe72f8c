// SPDX-License-Identifier: Apache-2.0
//
// System calls that are missing or forbidden: masked by a seccomp filter, as a sandbox would.
#include "tests/core/support.hpp"
#include "tests/seccomp.hpp"

#include <heirlock/detail/fast_path.hpp>

#include <cstddef>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <vector>

namespace heirlock::test {
namespace {

// From here on the call fails in this process and its children.
bool forbid(long call, int error) {
  sock_filter program[] = {
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, static_cast<__u32>(call)},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | static_cast<__u32>(error)},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  };
  const sock_fprog filter{sizeof program / sizeof program[0], program};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

struct AbsenceTest : testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Errors, AbsenceTest, testing::Values(ENOSYS, EPERM),
                         [](const auto& error) {
                           return error.param == ENOSYS ? "Missing" : "Forbidden";
                         });

TEST_P(AbsenceTest, WithoutWaitingOnManyWordsEveryoneIsServedAndTheDomainSaysSo) {
  NEEDS_SECCOMP();
  for (const unlock_mode mode : {unlock_mode::rmw, unlock_mode::asymmetric}) {
    const own_domain where = nameless(mode);
    shared<heirlock::mutex> lock(where);
    shared<std::atomic<int>> entered;
    child owner([&] { return lock->acquire() ? pause() : 1; });
    ASSERT_TRUE(owner.sleeps_in(SYS_pause));
    std::vector<std::unique_ptr<child>> waiters;
    waiters.reserve(4);
    for (int i = 0; i < 4; ++i)
      waiters.push_back(std::make_unique<child>([&, i] {
        // Two of the four: those who can and those who cannot must be able to wait together.
        if (i % 2 == 0 && !forbid(SYS_futex_waitv, GetParam())) return 2;
        auto got = lock->acquire();
        if (!got.owns()) return 1;
        if (got.needs_repair()) got.mark_consistent();
        ++*entered;
        return where.inspect().waits_on_many == (i % 2 == 0 ? 0u : 1u) ? 0 : 3;
      }));
    for (std::size_t i = 0; i < waiters.size(); ++i)
      ASSERT_TRUE(waiters[i]->sleeps_in(i % 2 == 0 ? SYS_futex : SYS_futex_waitv));
    EXPECT_GE(where.inspect().sleeps_in_turns, 2u);
    owner.kill_now();
    for (auto& waiter : waiters)
      EXPECT_EQ(waiter->ended(), 0);
    EXPECT_EQ(entered->load(), 4);
    EXPECT_EQ(where.inspect().backstop_timeouts, 0u);
  }
}

TEST_P(AbsenceTest, WithoutWaitingOnManyWordsADeadlineIsKept) {
  NEEDS_SECCOMP();
  const own_domain where = nameless();
  shared<heirlock::mutex> lock(where);
  lock->lock();
  child waiter([&] {
    if (!forbid(SYS_futex_waitv, GetParam())) return 2;
    return lock->acquire_for(30ms).status() == status::timed_out ? 0 : 1;
  });
  EXPECT_EQ(waiter.ended(), 0);
}

TEST_P(AbsenceTest, WithoutBarriersAnAsymmetricDomainIsRefusedAndSaysWhy) {
  NEEDS_SECCOMP();
  const int memory = heirlock_domain_memfd(nullptr);
  const auto options = domain_options::of_descriptor(memory).threads(8);
  const own_domain made(domain::open(domain_options(options).unlock(unlock_mode::asymmetric)));
  child user([&] {
    const int other = heirlock_domain_memfd(nullptr);
    if (!forbid(SYS_membarrier, GetParam())) return 2;
    // A child that inherits the attachment gets no seat, and so never waits without a barrier.
    heirlock::mutex lock(made);
    if (lock.acquire().owns()) return 3;
    try {
      domain::open(domain_options::of_descriptor(other).threads(8).unlock(unlock_mode::asymmetric));
      return 4;
    } catch (const domain_error& error) {
      const std::string text = error.what();
      if (text.find("membarrier(2) is refused") == std::string::npos) return 5;
    }
    // The other mode needs no barriers.
    const int third = heirlock_domain_memfd(nullptr);
    heirlock::mutex works(domain::open(domain_options::of_descriptor(third).threads(8)));
    return works.acquire() ? 0 : 6;
  });
  EXPECT_EQ(user.ended(), 0);
  close(memory);
}

// A sandbox that is closed after the process has registered: the owner's release may overlook the waiter's flag. Here
// it does: the word is cleared, and nobody is woken.
TEST_P(AbsenceTest, WhereBarriersAreRefusedLaterAWaiterDoesNotRelyOnBeingWoken) {
  NEEDS_SECCOMP();
  const own_domain where = nameless(unlock_mode::asymmetric);
  shared<heirlock::mutex> lock(where);
  lock->lock();
  child waiter([&] {
    where.attach_thread();
    if (!forbid(SYS_membarrier, GetParam())) return 2;
    return lock->acquire() ? 0 : 1;
  });
  ASSERT_TRUE(eventually([&] { return where.inspect().sleeps_in_turns >= 3; }));
  reinterpret_cast<detail::mutex_cells&>(*lock).word = detail::word_free;
  EXPECT_EQ(waiter.ended(), 0);
  EXPECT_EQ(where.inspect().backstop_timeouts, 0u);
}

} // namespace
} // namespace heirlock::test
