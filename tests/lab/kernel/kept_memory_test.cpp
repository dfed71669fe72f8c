// SPDX-License-Identifier: Apache-2.0
// A list whose memory is partly taken before it is walked.
#include "lab/kernel/kept_memory.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "lab/kernel/policy.hpp"
#include "tests/lab/kernel/fake_memory.hpp"

namespace heirlock::lab::kernel {
namespace {

constexpr std::uint32_t me = dying_thread::tid;

// Two locks, one page apart; the head is in a third page.
struct thread_of_three_pages : dying_thread {
  static constexpr unsigned near = 0;
  static constexpr unsigned far = 64; // of 64 bytes each

  thread_of_three_pages() {
    for (const unsigned n : {near, far})
      lock(n, me | FUTEX_WAITERS);
    list({near, far});
  }
  std::set<std::uint64_t> all_pages() const {
    return {page_of({head}), page_of({word(near)}), page_of({word(far)})};
  }
  // The bytes of a page, of which the words that are there are something.
  std::vector<std::byte> bytes_of(std::uint64_t page) {
    std::vector<std::byte> bytes(page_bytes());
    for (const auto& [at, value] : memory.words)
      if (page_of({at}) == page) std::memcpy(bytes.data() + (at - page), &value, sizeof value);
    return bytes;
  }
  void take(std::uint64_t page) {
    std::erase_if(memory.words, [&](const auto& each) { return page_of({each.first}) == page; });
  }
};

TEST(OomSpare, LooksAtThePagesOfTheHeadAndOfEachEntryAndStoresNothing) {
  thread_of_three_pages t;
  const auto before = t.memory.words;
  watched_memory watched(t.memory);
  task dying = {watched, me, {}, remote_address{dying_thread::head}, {}, 0};
  oom_spare().before_reaping(dying);
  EXPECT_EQ(watched.pages(), t.all_pages());
  EXPECT_EQ(t.memory.words, before);
  EXPECT_TRUE(t.memory.wakes.empty());
}

TEST(OomSpare, WalksWhatWasKeptAsIfItWereThere) {
  for (const std::uint64_t taken : thread_of_three_pages().all_pages()) {
    thread_of_three_pages t;
    const kept_pages kept = {{taken, t.bytes_of(taken)}};
    t.take(taken);
    kept_memory memory(t.memory, kept);
    task dying = {memory, me, {}, remote_address{dying_thread::head}, {}, 0};
    oom_spare().thread_exits(dying);
    for (const unsigned n : {thread_of_three_pages::near, thread_of_three_pages::far})
      EXPECT_EQ(memory.read32({dying_thread::word(n)}), FUTEX_OWNER_DIED | FUTEX_WAITERS) << n;
    EXPECT_EQ(t.memory.wakes.size(), 2u);
  }
}

TEST(KeptMemory, FaultsWhereNothingWasKept) {
  thread_of_three_pages t;
  t.take(page_of({dying_thread::head}));
  kept_memory memory(t.memory, {});
  EXPECT_EQ(memory.read64({dying_thread::head}), std::nullopt);
  EXPECT_FALSE(memory.write64({dying_thread::head}, 0));
  EXPECT_EQ(memory.compare_exchange32({dying_thread::head}, 0, 1), exchange_outcome::fault);
  EXPECT_EQ(memory.read32({dying_thread::word(0)}), me | FUTEX_WAITERS);
}

TEST(KeptMemory, StoresIntoThePagesThatItKeeps) {
  thread_of_three_pages t;
  const std::uint64_t page = page_of({dying_thread::head});
  kept_memory memory(t.memory, {{page, t.bytes_of(page)}});
  EXPECT_TRUE(memory.write64({dying_thread::head}, 42));
  EXPECT_EQ(memory.read64({dying_thread::head}), 42u);
  EXPECT_NE(t.memory.read64({dying_thread::head}), 42u);
  EXPECT_EQ(memory.compare_exchange32({dying_thread::head}, 41, 1), exchange_outcome::changed);
  EXPECT_EQ(memory.compare_exchange32({dying_thread::head}, 42, 1), exchange_outcome::stored);
  EXPECT_EQ(memory.read32({dying_thread::head}), 1u);
}

} // namespace
} // namespace heirlock::lab::kernel
