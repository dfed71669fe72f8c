// SPDX-License-Identifier: Apache-2.0
//
// Wrong use, and memory that is not what it should be: each is refused with the error that the headers name, and
// changes nothing of others.
#include "tests/core/inside.hpp"

#include <heirlock/recursive_mutex.hpp>

#include "src/core/domain.hpp"

#include <array>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace heirlock::test {
namespace {

struct MisuseTest : testing::TestWithParam<unlock_mode> {
  own_domain where = nameless(GetParam(), 8);
};

INSTANTIATE_TEST_SUITE_P(Modes, MisuseTest,
                         testing::Values(unlock_mode::rmw, unlock_mode::asymmetric),
                         [](const auto& mode) {
                           return mode.param == unlock_mode::rmw ? "Rmw" : "Asymmetric";
                         });

int code_of_unlock(heirlock::mutex& lock) {
  try {
    lock.unlock();
    return 0;
  } catch (const lock_error& error) {
    return error.code().value();
  }
}

// Every class of bit pattern that a stranger can leave in a free word: a bit, a half, a byte pattern, chance.
std::vector<std::uint64_t> scribbles() {
  std::vector<std::uint64_t> all{~0ull, 0xFFFFFFFFull, 0xFFFFFFFF00000000ull, 0x4141414141414141ull,
                                 0xDEADBEEFCAFEF00Dull};
  for (unsigned bit = 0; bit < 64; ++bit) {
    all.push_back(1ull << bit);
    all.push_back(~(1ull << bit));
  }
  std::mt19937_64 random(20);
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t any = random();
    all.insert(all.end(), {any, any & detail::low_half, any & ~detail::low_half,
                           any & (detail::low_half & ~detail::never_set)});
  }
  return all;
}

// What may come of a lock of such a word, by its pattern alone: nobody else has a seat here.
std::vector<status> legal(std::uint64_t word, std::uint32_t seats, std::uint64_t mine) {
  if (word == detail::word_free || word == detail::word_reserved) return {status::acquired};
  if (word == detail::word_not_recoverable) return {status::not_recoverable};
  const bool names_a_seat = (word & detail::never_set) == 0 && detail::seat_of(word) >= 1 &&
                            detail::seat_of(word) <= seats &&
                            detail::bell_of(word) >= detail::first_lock_bell;
  if ((word ^ mine) < detail::same_owner_limit) return {status::would_deadlock};
  return {names_a_seat ? status::owner_died : status::invalid};
}

TEST_P(MisuseTest, AnyScribbledWordIsRefusedOrInheritedAndNeverMore) {
  heirlock::mutex lock(where);
  where.attach_thread();
  const std::uint64_t mine = heirlock_self.identity;
  for (const std::uint64_t scribble : scribbles()) {
    cells_of(lock).word = scribble;
    const bool is_mine = (scribble ^ mine) < detail::same_owner_limit;
    if (!is_mine) {
      EXPECT_EQ(code_of_unlock(lock), EPERM) << std::hex << scribble;
      EXPECT_EQ(cells_of(lock).word, scribble) << "a refused unlock has written";
    }
    auto got = lock.acquire_until(std::chrono::steady_clock::time_point());
    const std::vector<status> expected = legal(scribble, 8, mine);
    ASSERT_EQ(got.status(), expected.front()) << std::hex << scribble;
    ASSERT_TRUE(got.owns() || cells_of(lock).word == scribble) << "a refused lock has written";
  }
  EXPECT_EQ(where.inspect().backstop_timeouts, 0u);
}

// The caller's own seat with every other field at will: what an unlock follows is the bell.
TEST_P(MisuseTest, AnUnlockOfAWordWithTheOwnersSeatTouchesTheOwnersBellsOnly) {
  heirlock::mutex lock(where), other(where);
  where.attach_thread();
  for (std::uint64_t low = 0; low < 256; ++low) {
    const std::uint32_t before = heirlock_self.free_bells;
    cells_of(lock).word = heirlock_self.identity | low;
    const int code = code_of_unlock(lock);
    EXPECT_TRUE(code == 0 || code == EPERM || code == EINVAL) << low << ": " << code;
    EXPECT_EQ(heirlock_self.free_bells, before) << "low byte " << low;
    // Whatever happened: the next lock has a bell that others understand.
    other.lock();
    EXPECT_GE(detail::bell_of(cells_of(other).word), detail::first_lock_bell);
    std::thread([&] { EXPECT_EQ(other.try_acquire().status(), status::busy); }).join();
    other.unlock();
  }
}

// The tail is a hint: nothing in it can harm more than the order.
TEST_P(MisuseTest, AnyScribbledTailServesEveryone) {
  shared<heirlock::mutex> lock(where);
  shared<std::atomic<int>> served;
  std::mt19937 random(20);
  std::vector<std::uint32_t> tails{~0u, 1u << 20, 9u << 20 | 1, 0x41414141u, 2u << 20, 1};
  for (int i = 0; i < 6; ++i)
    tails.push_back(random());
  for (const std::uint32_t tail : tails) {
    *served = 0;
    lock->lock();
    cells_of(*lock).tail = tail;
    const auto wait_turn = [&] {
      if (!lock->acquire()) return 1;
      ++*served;
      return 0;
    };
    child first(wait_turn);
    ASSERT_TRUE(first.falls_asleep());
    child second(wait_turn);
    ASSERT_TRUE(second.falls_asleep());
    lock->unlock();
    EXPECT_EQ(first.ended(), 0);
    EXPECT_EQ(second.ended(), 0);
    EXPECT_EQ(*served, 2) << std::hex << tail;
  }
}

TEST_P(MisuseTest, AMutexOfNoDomainOrOfNoAlignmentIsRefused) {
  alignas(16) unsigned char memory[2 * sizeof(heirlock::mutex)] = {};
  auto& lock = *reinterpret_cast<heirlock::mutex*>(memory);
  for (const bool seated : {false, true})
    for (const std::uint32_t id : {0u, 1u, ~0u}) {
      if (seated) where.attach_thread();
      cells_of(lock).domain_id = id;
      const status expected = id == 0 ? status::invalid : status::wrong_domain;
      EXPECT_EQ(lock.acquire().status(), expected) << id;
      EXPECT_EQ(lock.try_acquire().status(), expected) << id;
      EXPECT_EQ(code_of_unlock(lock), static_cast<int>(expected)) << id;
      EXPECT_THROW(lock.mark_consistent(), lock_error) << id;
      EXPECT_TRUE(id != 0 || lock.recover(where).status() == status::invalid);
      EXPECT_EQ(cells_of(lock).word, 0u) << id;
    }
  // In C, where no constructor chooses the place.
  heirlock_mutexattr_t attributes;
  ASSERT_EQ(heirlock_mutexattr_init(&attributes), 0);
  ASSERT_EQ(heirlock_mutexattr_setdomain(&attributes, where.native_handle()), 0);
  auto* crooked = reinterpret_cast<heirlock_mutex_t*>(memory + 4);
  EXPECT_EQ(heirlock_mutex_init(crooked, &attributes), EINVAL);
  // One that was copied to such a place. The inline path would try; where that is possible at all, it is not served.
  const heirlock::mutex straight(where);
  memcpy(memory + 4, static_cast<const void*>(&straight), sizeof straight);
  auto* misplaced = reinterpret_cast<detail::mutex_cells*>(memory + 4);
  EXPECT_EQ(heirlock_lock_slow(misplaced, detail::no_clock, nullptr, heirlock_inherit), EINVAL);
  EXPECT_EQ(heirlock_trylock_slow(misplaced, heirlock_inherit), EINVAL);
  EXPECT_EQ(heirlock_is_mine(misplaced), 0);
}

// The fast path notes the lock before it has it. A thread whose lock was refused right behind it must not be taken for
// the owner, whose lock an unlock would then release.
TEST_P(MisuseTest, ARefusedLockLeavesNoTraceByWhichItCouldBeReleased) {
  shared<heirlock::mutex> lock(where);
  where.attach_thread();
  child owner([&] {
    lock->lock();
    return pause();
  });
  ASSERT_TRUE(owner.sleeps_in(SYS_pause));
  constexpr timespec no_time = {0, -1};
  EXPECT_FALSE(detail::lock_fast(cells_of(*lock)));
  EXPECT_EQ(heirlock_lock_slow(&cells_of(*lock), CLOCK_MONOTONIC, &no_time, heirlock_inherit),
            EINVAL);
  EXPECT_EQ(code_of_unlock(*lock), EPERM);
  EXPECT_EQ(lock->try_acquire().status(), status::busy);
}

TEST_P(MisuseTest, RecursionStopsAtItsLimit) {
  recursive_mutex lock(where);
  constexpr std::size_t count_at = sizeof(heirlock::mutex);
  for (const std::uint32_t almost : {recursive_mutex::most_locks - 1, ~std::uint32_t{0} - 1}) {
    lock.lock();
    memcpy(reinterpret_cast<unsigned char*>(&lock) + count_at, &almost, sizeof almost);
    if (almost < recursive_mutex::most_locks) lock.lock();
    EXPECT_EQ(lock.acquire().status(), status::domain_full) << "EAGAIN, as pthread says";
    EXPECT_THROW(lock.lock(), lock_error);
    EXPECT_THROW(static_cast<void>(lock.try_lock()), lock_error);
    const std::uint32_t once = 1;
    memcpy(reinterpret_cast<unsigned char*>(&lock) + count_at, &once, sizeof once);
    lock.unlock();
    EXPECT_THROW(lock.unlock(), lock_error) << "the count is the owner's, and it has none";
  }
}

TEST_P(MisuseTest, AHandleOfAClosedDomainIsRefused) {
  own_domain gone = nameless(GetParam(), 8);
  heirlock::mutex homeless(gone);
  for (const bool used : {false, true}) {
    if (used) gone.attach_thread();
    EXPECT_EQ(heirlock_thread_detach(gone.native_handle()), 0) << "with a seat and without";
  }
  gone.close();
  EXPECT_THROW(gone.attach_thread(), domain_error);
  EXPECT_THROW(gone.detach_thread(), domain_error);
  EXPECT_THROW(gone.close(), domain_error);
  EXPECT_THROW(static_cast<void>(gone.inspect()), domain_error);
  EXPECT_THROW(heirlock::mutex{gone}, domain_error);
  EXPECT_EQ(homeless.recover(gone).status(), status::invalid);

  heirlock_domain_t* const handle = gone.native_handle();
  heirlock_domain_info_t info = {};
  info.struct_size = sizeof info;
  heirlock_mutexattr_t attributes;
  heirlock_mutex_t lock;
  ASSERT_EQ(heirlock_mutexattr_init(&attributes), 0);
  EXPECT_EQ(heirlock_mutexattr_setdomain(&attributes, handle), 0) << "it only takes a note";
  EXPECT_EQ(heirlock_mutex_init(&lock, &attributes), EINVAL);
  EXPECT_EQ(heirlock_domain_inspect(handle, &info), EINVAL);
  EXPECT_EQ(heirlock_thread_attach(handle), EINVAL);
  EXPECT_EQ(heirlock_thread_detach(handle), EINVAL);
  EXPECT_EQ(heirlock_domain_close(handle), EINVAL);
}

// Where a mutex's memory may be freed is the program's to know; destroy() catches what it can.
TEST_P(MisuseTest, DestroyIsRefusedWhileItHasAnOwnerAlsoADeadOne) {
  struct room {
    heirlock_mutex_t lock;
  };
  const shared<room> memory;
  heirlock_mutex_t* lock = &memory->lock;
  heirlock_mutexattr_t attributes;
  ASSERT_EQ(heirlock_mutexattr_init(&attributes), 0);
  ASSERT_EQ(heirlock_mutexattr_setdomain(&attributes, where.native_handle()), 0);
  ASSERT_EQ(heirlock_mutex_init(lock, &attributes), 0);
  child owner([&] { return heirlock_mutex_lock(lock) == 0 ? pause() : 1; });
  ASSERT_TRUE(owner.sleeps_in(SYS_pause));
  EXPECT_EQ(heirlock_mutex_destroy(lock), EBUSY);
  owner.kill_now();
  EXPECT_EQ(heirlock_mutex_destroy(lock), EBUSY) << "its data is to be repaired first";
  EXPECT_EQ(heirlock_mutex_lock(lock), EOWNERDEAD);
  EXPECT_EQ(heirlock_mutex_consistent(lock), 0);
  EXPECT_EQ(heirlock_mutex_consistent(lock), EINVAL) << "it is consistent";
  EXPECT_EQ(heirlock_mutex_unlock(lock), 0);
  EXPECT_EQ(heirlock_mutex_destroy(lock), 0);
}

TEST_P(MisuseTest, RecoverIsForADomainThatIsGoneAndNoOther) {
  heirlock::mutex ours(where);
  EXPECT_EQ(ours.recover(where).status(), status::busy);

  own_domain gone = nameless(GetParam(), 8);
  shared<heirlock::mutex> held(gone), idle(gone), lost(gone), left(gone);
  shared<recursive_mutex> nested(gone);
  child owner([&] {
    held->lock();
    nested->lock();
    nested->lock();
    return pause();
  });
  ASSERT_TRUE(owner.sleeps_in(SYS_pause));
  owner.kill_now();
  cells_of(*lost).word = detail::word_not_recoverable;
  // As a release for a starving waiter leaves it; who waited, waited in the old domain.
  cells_of(*left).word = detail::word_reserved;
  cells_of(*left).tail = std::uint32_t{1} << core::sequence_bits | 1;
  gone.close();
  EXPECT_EQ(held->acquire().status(), status::wrong_domain);
  EXPECT_EQ(heirlock_recover(&cells_of(*left), where.native_handle()), 0);
  EXPECT_EQ(cells_of(*left).word, detail::word_free);
  EXPECT_EQ(cells_of(*left).tail, 0u);
  {
    auto got = held->recover(where);
    ASSERT_TRUE(got.needs_repair());
    got.mark_consistent();
  }
  EXPECT_TRUE(held->acquire());
  EXPECT_TRUE(idle->recover(where)) << "it was free, and is the caller's now";
  EXPECT_TRUE(idle->acquire());
  {
    auto got = nested->recover(where);
    ASSERT_TRUE(got.needs_repair());
    got.mark_consistent();
  }
  EXPECT_THROW(nested->unlock(), lock_error) << "the dead owner's count was not inherited";
  EXPECT_EQ(lost->recover(where).status(), status::not_recoverable);
}

} // namespace
} // namespace heirlock::test
