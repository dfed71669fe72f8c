// SPDX-License-Identifier: Apache-2.0
// Who hangs and who only looks like it. Each case has a pair, looked at equally often: one that must be given up, and
// one that must not be by the time the first is.
#include "lab/storm/patience.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace heirlock::lab::storm {
namespace {

using namespace std::chrono_literals;

constexpr auto far_too_long = std::chrono::minutes(3);

// A record in shared memory, and a child that does `what` with it for ever. Both are gone with the object.
class subject_of_patience {
 public:
  template <class What>
  explicit subject_of_patience(What what)
      : record_(
            static_cast<thread_record*>(mmap(nullptr, sizeof(thread_record), PROT_READ | PROT_WRITE,
                                             MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
    child_ = fork();
    if (child_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (;;)
        what(*record_);
    }
    record_->tid.store(static_cast<std::uint32_t>(child_));
    record_->now.store(activity::idle);
  }
  ~subject_of_patience() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    munmap(record_, sizeof(thread_record));
  }
  subject_of_patience(const subject_of_patience&) = delete;
  subject_of_patience& operator=(const subject_of_patience&) = delete;

  void stop() const {
    kill(child_, SIGSTOP);
    waitpid(child_, nullptr, WUNTRACED);
  }
  std::vector<watched> alone() const { return {{0, 0, record_}}; }

 private:
  thread_record* record_;
  pid_t child_;
};

void expect_given_up_before(const subject_of_patience& hanging, const subject_of_patience& fine) {
  patience with_hanging(0ms), with_fine(0ms), with_both(0ms);
  std::vector<watched> both = hanging.alone();
  both.push_back(fine.alone().front());
  const auto limit = std::chrono::steady_clock::now() + far_too_long;
  bool fine_was_given_up = false;
  while (!with_hanging.lost(hanging.alone())) {
    fine_was_given_up = fine_was_given_up || with_fine.lost(fine.alone()) || with_both.lost(both);
    ASSERT_LT(std::chrono::steady_clock::now(), limit) << with_hanging.describe(hanging.alone());
    const timespec between_looks{0, 1'000'000};
    nanosleep(&between_looks, nullptr);
  }
  EXPECT_FALSE(fine_was_given_up) << with_fine.describe(fine.alone());
}

TEST(patience, gives_up_a_sleeper_but_nobody_who_was_stopped) {
  const subject_of_patience sleeper([](thread_record&) { pause(); });
  const subject_of_patience stopped([](thread_record&) { pause(); });
  stopped.stop();
  expect_given_up_before(sleeper, stopped);
}

TEST(patience, gives_up_a_spinner_but_nobody_who_takes_steps) {
  const subject_of_patience spinner([](thread_record&) { asm volatile("" ::: "memory"); });
  const subject_of_patience worker([](thread_record& r) { r.steps.fetch_add(1); });
  expect_given_up_before(spinner, worker);
}

TEST(patience, has_nobody_to_give_up_when_all_rest) {
  patience bound(0ms);
  EXPECT_FALSE(bound.lost({}));
}

} // namespace
} // namespace heirlock::lab::storm
