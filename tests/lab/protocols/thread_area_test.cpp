// SPDX-License-Identifier: Apache-2.0
// The thread's rseq area with room for the field: that it is there whatever the C library has registered, that the
// kernel knows it, and that a supervisor finds it from outside.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

#include "lab/kernel/tracee_task.hpp"
#include "lab/protocols/rseq_rl_cs/thread_area.hpp"
#include "tests/core/support.hpp"
#include "tests/seccomp.hpp"

namespace heirlock::lab {
namespace {

using test::child;
using test::shared;

constexpr unsigned size_of_old_areas = 32;
alignas(32) thread_local std::byte another[size_of_old_areas];

rseq* area_of_libc() {
  return reinterpret_cast<rseq*>(static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset);
}
int call_rseq(void* area, int flags) {
  return syscall(SYS_rseq, area, size_of_old_areas, flags, RSEQ_SIG) == 0 ? 0 : errno;
}

struct seen {
  int error;
  rseq_area* area;
  int sibling_error;
  rseq_area* sibling_area;
  bool kernel_keeps_it_up_to_date;
  int cpu;
};

int stop() {
  ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  raise(SIGSTOP);
  return 0;
}

// What a child sees that has been prepared in this way and enters, and what a supervisor sees of it: the address and
// size that the kernel has registered.
class entered {
 public:
  explicit entered(const std::function<void()>& prepare) {
    const child one([&] {
      prepare();
      seen_->error = enter_thread_area();
      seen_->area = seen_->error == 0 ? &this_thread_area() : nullptr;
      sched_yield(); // the kernel brings the area up to date on a return from it
      seen_->kernel_keeps_it_up_to_date =
          seen_->error == 0 &&
          static_cast<int>(static_cast<volatile rseq_area&>(*seen_->area).cpu_id) >= 0;
      seen_->cpu = sched_getcpu();
      if (seen_->error == ENOSYS) return stop(); // the C library makes no threads then
      std::thread([&] {
        seen_->sibling_error = enter_thread_area();
        if (seen_->sibling_error == 0) seen_->sibling_area = &this_thread_area();
      }).join();
      return stop();
    });
    if (!one.stops()) throw std::runtime_error("the child did not come to its stop");
    kernel::tracee_memory memory({one.pid()});
    const kernel::task t = kernel::task_of({one.pid()}, memory);
    registered = t.rseq_area.value_or(remote_address{}).value;
    registered_size = t.rseq_area_size;
  }
  const seen* operator->() const { return &*seen_; }

  std::uint64_t registered = 0;
  unsigned registered_size = 0;

 private:
  shared<seen> seen_;
};

void expect_area(const entered& e) {
  EXPECT_EQ(e->error, 0);
  EXPECT_EQ(e.registered, reinterpret_cast<std::uint64_t>(e->area));
  EXPECT_GE(e.registered_size, unsigned{RSEQ_AREA_SIZE_WITH_RL_CS});
  EXPECT_TRUE(e->kernel_keeps_it_up_to_date);
  EXPECT_GE(e->cpu, 0) << "the C library no longer knows on which CPU it is";
  EXPECT_EQ(e->sibling_error, 0);
  EXPECT_NE(e->sibling_area, e->area);
}

TEST(ThreadArea, IsFoundOrMadeBesideTheRegistrationOfTheCLibrary) {
  expect_area(entered([] {}));
}

TEST(ThreadArea, IsMadeWhereTheCLibraryRegistersNone) {
  expect_area(entered([] { call_rseq(area_of_libc(), RSEQ_FLAG_UNREGISTER); }));
}

TEST(ThreadArea, IsTheSameAfterAForkAndWhenEnteredAgain) {
  expect_area(entered([] {
    if (enter_thread_area() != 0) throw std::runtime_error("the parent could not enter");
    if (const pid_t forked = fork(); forked != 0) {
      int status = 0;
      waitpid(forked, &status, 0);
      if (status != 0) throw std::runtime_error("a forked child could not enter");
      return;
    }
    const rseq_area* const of_parent = &this_thread_area();
    _exit(enter_thread_area() == 0 && &this_thread_area() == of_parent ? 0 : 1);
  }));
}

TEST(ThreadArea, OfSomebodyElseIsLeftAloneAndThatIsSaid) {
  const entered e([] {
    if (call_rseq(area_of_libc(), RSEQ_FLAG_UNREGISTER) != 0 || call_rseq(another, 0) != 0)
      throw std::runtime_error("another area could not be registered");
  });
  EXPECT_EQ(e->error, EBUSY);
  EXPECT_EQ(e.registered_size, size_of_old_areas);
  EXPECT_EQ(e->sibling_error, 0) << "the other thread is none of theirs";
}

TEST(ThreadArea, IsNotThereWhereTheKernelHasNoRseqAndThatIsSaid) {
  NEEDS_SECCOMP();
  const entered e([] {
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rseq, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog filter = {std::size(program), program};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
      throw std::runtime_error("no seccomp filter could be set");
  });
  EXPECT_EQ(e->error, ENOSYS);
}

} // namespace
} // namespace heirlock::lab
