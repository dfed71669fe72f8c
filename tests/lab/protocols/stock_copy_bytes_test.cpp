// SPDX-License-Identifier: Apache-2.0
// At each kill point of real locks in real scenarios the copy of the kernel's walk is asked what it would store;
// then the kernel does the same death, and the lock's memory must be just that. Operations without sleepers: one
// that the kernel wakes would change the lock before it can be looked at.
#include <gtest/gtest.h>

#include "lab/audit/path.hpp"
#include "tests/lab/kernel/overlay_memory.hpp"
#include "tests/lab/protocols/audit_under_policy.hpp"

namespace heirlock::lab {
namespace {

std::vector<std::uint32_t> object_words(const stage& st) {
  std::vector<std::uint32_t> words;
  for (const std::uint64_t pair : st.snapshot(arena::object_a)) {
    words.push_back(static_cast<std::uint32_t>(pair));
    words.push_back(static_cast<std::uint32_t>(pair >> 32));
  }
  return words;
}

struct comparison {
  std::string subject;
  operation op;
  std::string scenario;
};

// How many kill points had the kernel store something.
unsigned compare_everywhere(const comparison& c) {
  std::map<remote_address, std::uint32_t> stored;
  stage_options options;
  options.subject = c.subject;
  options.actor_program = installed_actor_program();
  options.at_exit = [&](tracee& dying) {
    stored.merge(kernel::stores_of(kernel::stock_copy(), dying.id()));
  };
  stage st(options);
  const disassembler decoder;
  path way;
  {
    run r(st, c.op, 0);
    const auto play = scenario_named(c.scenario)->perform(r);
    play->set_up();
    r.victim_begins(arena::object_a);
    way = trace(st, r.victim(), decoder, [&] { play->cue(); });
  }
  unsigned with_stores = 0;
  for (std::size_t stop = 0; stop < way.stops.size(); ++stop) {
    st.clear();
    run r(st, c.op, 0);
    const auto play = scenario_named(c.scenario)->perform(r);
    play->set_up();
    r.victim_begins(arena::object_a);
    EXPECT_TRUE(advance(r.victim(), way, stop, [&] { play->cue(); }));
    play->at_kill_point();
    stored.clear();
    std::vector<std::uint32_t> expected = object_words(st);
    st.kill(r.victim());
    for (const auto& [where, word] : stored)
      if (where.value >= arena::object_a && where.value < arena::object_a + st.subject_size())
        expected[(where.value - arena::object_a) / sizeof word] = word;
    EXPECT_EQ(expected, object_words(st))
        << "kill point " << stop << " of " << name_of(c.op) << ", " << c.scenario;
    with_stores += !stored.empty();
  }
  return with_stores;
}

TEST(StockCopy, StoresWhatTheKernelStoresAtEveryKillPointOfRealLocks) {
  const std::string own = std::string(SUBJECT_DIRECTORY) + "/robust-list.so";
  for (const std::string& subject : {own, std::string("pthread-robust")}) {
    for (const char* scenario :
         {"reuse-same-process", "reuse-other-process", "signal-in-window", "owner-killed"})
      EXPECT_GT(compare_everywhere({subject, operation::unlock, scenario}), 0u)
          << subject << " " << scenario;
    for (const operation op : {operation::lock, operation::trylock})
      EXPECT_GT(compare_everywhere({subject, op, "owner-killed"}), 0u) << subject;
  }
}

} // namespace
} // namespace heirlock::lab
