// SPDX-License-Identifier: Apache-2.0
// Steps, breakpoints, memory, states of a tracee; and the flag that Ctrl-C sets.
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>

#include "lab/process/file_descriptor.hpp"
#include "lab/process/interrupt.hpp"
#include "lab/process/remote_memory.hpp"
#include "lab/process/robust_list.hpp"
#include "lab/process/thread_state.hpp"
#include "lab/process/trouble.hpp"
#include "tests/lab/process/traced.hpp"

namespace heirlock::lab::process_test {
namespace {

class control : public process_suite {
 protected:
  remote_address told(unsigned index) { return {page().addresses[index].load()}; }
};

TEST_F(control, a_step_executes_one_instruction) {
  tracer t;
  tracee& child = launch(t, "straight");
  registers at_start = child.regs();
  at_start.set_pc(told(0));
  at_start.store(child.id());
  for (unsigned done = 0; done < 4; ++done) {
    EXPECT_EQ(child.regs().pc(), told(0) + done);
    child.resume(resumption::step);
    ASSERT_TRUE(child.wait().is_signal(SIGTRAP)) << child.status().describe();
  }
  EXPECT_EQ(child.regs().pc(), told(0) + 4);
  EXPECT_EQ(child.regs().sp(), at_start.sp());
}

TEST_F(control, a_hardware_breakpoint_stops_one_thread_at_each_visit_and_no_other_thread) {
  constexpr unsigned visits = 5;
  constexpr unsigned stop_at = 3;
  tracer t;
  const auto threads = launch_with_threads(t, "visits", visits);
  ASSERT_EQ(threads.size(), 2U);
  tracee& watched = *threads[0];
  tracee& free_one = *threads[1];
  run_to_landmark(free_one);
  if (!set_hardware_breakpoint(watched.id(), told(0)))
    GTEST_SKIP() << "this machine gives no hardware breakpoint (" << std::strerror(errno) << ")";
  for (unsigned visit = 1; visit <= stop_at; ++visit) {
    watched.resume(resumption::run);
    ASSERT_TRUE(watched.wait().is_signal(SIGTRAP)) << watched.status().describe();
    EXPECT_EQ(watched.regs().pc(), told(0));
    // The first argument is in the same register for a system call and for a function.
    EXPECT_EQ(watched.regs().syscall_argument(0), visit);
  }
  free_one.resume(resumption::run);
  EXPECT_TRUE(free_one.wait().is_signal(landmark)) << free_one.status().describe();
  ASSERT_TRUE(set_hardware_breakpoint(watched.id(), std::nullopt));
  watched.resume(resumption::run);
  EXPECT_TRUE(watched.wait().is_signal(landmark)) << "it stopped though the breakpoint is disarmed";
}

TEST_F(control, memory_is_read_and_written_also_where_the_process_itself_may_only_read) {
  tracer t;
  tracee& child = launch(t, "data");
  EXPECT_EQ(read_value<std::uint64_t>(child.process(), told(0)), 1U);
  EXPECT_EQ(read_value<std::uint64_t>(child.process(), told(1)), 2U);
  write_value<std::uint64_t>(child.process(), told(0), 40);
  write_value<std::uint64_t>(child.process(), told(1), 500);
  EXPECT_EQ(read_value<std::uint64_t>(child.process(), told(0)), 40U);
  run_to_landmark(child);
  EXPECT_EQ(page().value.load(), 540U);
}

TEST_F(control, a_read_or_write_of_what_is_not_mapped_fails_and_says_where) {
  tracer t;
  tracee& child = launch(t, "rest");
  const remote_address nowhere = {0x10};
  std::uint64_t word = 0;
  const auto bytes = std::as_writable_bytes(std::span(&word, 1));
  EXPECT_FALSE(try_read_memory(child.process(), nowhere, bytes));
  try {
    read_memory(child.process(), nowhere, bytes);
    ADD_FAILURE() << "it was read";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EFAULT);
    EXPECT_NE(std::string(error.what()).find("0x10"), std::string::npos) << error.what();
  }
  EXPECT_THROW(write_value(child.process(), nowhere, word), std::system_error);
}

TEST_F(control, a_read_that_runs_out_of_a_mapping_fails_as_a_whole) {
  const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* const pages =
      ::mmap(nullptr, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(pages, MAP_FAILED);
  ::munmap(static_cast<std::byte*>(pages) + size, size);
  const remote_address end = {reinterpret_cast<std::uint64_t>(pages) + size};
  std::array<std::byte, 16> bytes{};
  const thread_id self = {::getpid()};
  EXPECT_TRUE(try_read_memory(self, {end.value - 16}, bytes));
  EXPECT_FALSE(try_read_memory(self, {end.value - 8}, bytes));
  ::munmap(pages, size);
}

TEST_F(control, a_futex_sleeper_is_asleep_and_uses_no_cpu_time) {
  tracer t;
  tracee& sleeper = launch(t, "sleep");
  EXPECT_FALSE(is_asleep(sleeper.id())) << "a traced stop is no sleep";
  sleeper.resume(resumption::run);
  ASSERT_EQ(sleeper.settle(std::chrono::seconds(5)), rest::asleep);
  EXPECT_TRUE(is_asleep(sleeper.id()));
  EXPECT_TRUE(sleeps_in_a_system_call(sleeper.id()));
  const auto used = cpu_time(sleeper.id());
  EXPECT_GT(used.count(), 0);
  EXPECT_EQ(sleeper.settle(std::chrono::seconds(5)), rest::asleep);
  EXPECT_EQ(cpu_time(sleeper.id()), used);
}

TEST_F(control, a_thread_stalled_in_a_page_fault_sleeps_in_no_system_call) {
  const file_descriptor faults(
      static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY)));
  ASSERT_TRUE(faults) << "userfaultfd: " << std::strerror(errno);
  uffdio_api api = {};
  api.api = UFFD_API;
  ASSERT_EQ(::ioctl(faults.get(), UFFDIO_API, &api), 0);
  const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* const missing =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(missing, MAP_FAILED);
  uffdio_register range = {};
  range.range = {reinterpret_cast<std::uint64_t>(missing), size};
  range.mode = UFFDIO_REGISTER_MODE_MISSING;
  ASSERT_EQ(::ioctl(faults.get(), UFFDIO_REGISTER, &range), 0);
  std::atomic<pid_t> id = 0;
  std::thread stalled([&] {
    id = static_cast<pid_t>(::syscall(SYS_gettid));
    *static_cast<volatile int*>(missing) = 1;
  });
  pollfd fault = {faults.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&fault, 1, 10'000), 1);
  const auto bound = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!is_asleep({id.load()}) && std::chrono::steady_clock::now() < bound)
    std::this_thread::yield();
  EXPECT_TRUE(is_asleep({id.load()})) << "its state is that of a sleeper";
  EXPECT_FALSE(sleeps_in_a_system_call({id.load()}));
  uffdio_zeropage page = {};
  page.range = range.range;
  EXPECT_EQ(::ioctl(faults.get(), UFFDIO_ZEROPAGE, &page), 0);
  stalled.join();
  ::munmap(missing, size);
}

TEST_F(control, a_spinner_is_never_asleep_and_its_cpu_time_grows) {
  tracer t;
  tracee& spinner = launch(t, "spin");
  const auto at_start = cpu_time(spinner.id());
  spinner.resume(resumption::run);
  EXPECT_EQ(spinner.settle(std::chrono::milliseconds(5)), rest::spinning);
  EXPECT_GE(cpu_time(spinner.id()) - at_start, std::chrono::milliseconds(5));
  for (unsigned look = 0; look < 1000; ++look)
    ASSERT_FALSE(is_asleep(spinner.id()));
  spinner.stop();
  EXPECT_TRUE(spinner.status().is_stopped());
  EXPECT_GT(page().value.load(), 0U);
}

TEST_F(control, a_stopped_sleeper_runs_on_and_sleeps_again) {
  tracer t;
  tracee& sleeper = launch(t, "sleep");
  sleeper.resume(resumption::run);
  ASSERT_EQ(sleeper.settle(std::chrono::seconds(5)), rest::asleep);
  sleeper.stop();
  ASSERT_TRUE(sleeper.status().is_stopped());
  EXPECT_FALSE(is_asleep(sleeper.id()));
  sleeper.resume(resumption::run);
  EXPECT_EQ(sleeper.settle(std::chrono::seconds(5)), rest::asleep);
}

// Locks the whole file of the page, on a description of the test's own.
class locked_file {
 public:
  explicit locked_file(const std::string& path) : file_(::open(path.c_str(), O_RDWR | O_CLOEXEC)) {
    if (!file_ || !set(F_WRLCK)) throw_errno("locking the page's file");
  }
  bool unlock() const { return set(F_UNLCK); }

 private:
  bool set(short type) const {
    struct flock lock = {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    return ::fcntl(file_.get(), F_OFD_SETLK, &lock) == 0;
  }
  file_descriptor file_;
};

TEST_F(control, a_futex_sleeper_that_nobody_wakes_is_known_for_one_at_once) {
  tracer t;
  tracee& sleeper = launch(t, "sleep");
  sleeper.resume(resumption::run);
  ASSERT_EQ(sleeper.settle(std::chrono::seconds(5)), rest::asleep);
  EXPECT_TRUE(sleeps_until_woken(sleeper.id()));
  EXPECT_FALSE(sleeper.wakes_by(std::chrono::steady_clock::now() + std::chrono::hours(1)));
}

TEST_F(control, a_sleep_that_ends_later_than_what_ends_it_is_none_for_ever) {
  const locked_file lock(page_path());
  tracer t;
  tracee& sleeper = launch(t, "file-lock");
  sleeper.resume(resumption::run);
  ASSERT_EQ(sleeper.settle(std::chrono::seconds(5)), rest::asleep);
  EXPECT_FALSE(sleeps_until_woken(sleeper.id()));
  // The lock is let go when the tracer has found its tracee asleep, and takes a nap; or when it has given it up.
  const thread_id self = {static_cast<pid_t>(::syscall(SYS_gettid))};
  std::atomic<bool> is_judged = false;
  std::atomic<bool> begin = false;
  std::atomic<unsigned long> slept_before = 0;
  std::thread late([&] {
    begin.wait(false);
    while (!is_judged && sleeps_of(self) < slept_before + 3)
      std::this_thread::yield();
    EXPECT_TRUE(lock.unlock());
  });
  slept_before = sleeps_of(self);
  begin = true;
  begin.notify_one();
  EXPECT_TRUE(sleeper.wakes_by(std::chrono::steady_clock::now() + std::chrono::seconds(20)));
  is_judged = true;
  late.join();
  EXPECT_TRUE(sleeper.wait().is_signal(landmark)) << sleeper.status().describe();
}

TEST_F(control, a_sleep_that_nothing_ends_is_one_for_ever_when_it_has_lasted_long_enough) {
  const locked_file lock(page_path());
  tracer t;
  tracee& sleeper = launch(t, "file-lock");
  sleeper.resume(resumption::run);
  ASSERT_EQ(sleeper.settle(std::chrono::seconds(5)), rest::asleep);
  EXPECT_FALSE(sleeper.wakes_by(std::chrono::steady_clock::now() + std::chrono::milliseconds(5)));
  sleeper.stop();
  EXPECT_FALSE(sleeper.wakes_by(std::chrono::steady_clock::now() + std::chrono::hours(1)))
      << "a traced stop is no sleep";
}

TEST_F(control, wait_gives_up_on_a_tracee_that_does_not_report) {
  tracer t;
  tracee& spinner = launch(t, "spin");
  spinner.resume(resumption::run);
  EXPECT_THROW(spinner.wait(std::chrono::milliseconds(20)), trouble);
}

TEST_F(control, a_thread_that_is_gone_has_no_state) {
  tracer t;
  tracee& child = launch(t, "rest");
  const thread_id id = child.id();
  t.kill(child.process());
  EXPECT_FALSE(is_asleep(id));
  EXPECT_EQ(cpu_time(id).count(), 0);
  EXPECT_FALSE(robust_list_head_of(id));
  EXPECT_EQ(pending_operation_of(id).value, 0U);
}

TEST_F(control, the_pending_operation_is_found_without_the_bit_for_priority_inheritance) {
  tracer t;
  const tracee& child = launch(t, "pending");
  EXPECT_EQ(robust_list_head_of(child.id()), told(0));
  EXPECT_EQ(pending_operation_of(child.id()), told(1));
}

TEST_F(control, no_operation_is_pending_in_a_thread_that_rests_or_has_no_list) {
  tracer t;
  const tracee& resting = launch(t, "rest");
  EXPECT_TRUE(robust_list_head_of(resting.id())) << "the C library registers one";
  EXPECT_EQ(pending_operation_of(resting.id()).value, 0U);
  const tracee& without = launch(t, "no-list");
  EXPECT_FALSE(robust_list_head_of(without.id()));
  EXPECT_EQ(pending_operation_of(without.id()).value, 0U);
}

// The flag is the whole process's and stays set, so each of these tests is a process of its own.
int raw_status_of_child(const std::function<bool()>& body) {
  const pid_t child = ::fork();
  if (child < 0) throw_errno("fork");
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (const int signal_number : {SIGINT, SIGTERM, SIGHUP})
      std::signal(signal_number, SIG_DFL);
    bool good = false;
    try {
      good = body();
    } catch (const std::exception&) {
    }
    ::_exit(good ? 0 : 1);
  }
  int raw = 0;
  ::waitpid(child, &raw, 0);
  return raw;
}

TEST_F(control, an_interrupt_is_a_flag_that_ends_waits) {
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP}) {
    const int raw = raw_status_of_child([&] {
      tracer t;
      tracee& spinner = launch(t, "spin");
      spinner.resume(resumption::run);
      install_interrupt_handlers();
      if (interrupt_requested()) return false;
      check_interrupt();
      std::raise(signal_number);
      if (!interrupt_requested()) return false;
      try {
        spinner.wait();
      } catch (const interrupted&) {
        return true;
      }
      return false;
    });
    EXPECT_TRUE(WIFEXITED(raw) && WEXITSTATUS(raw) == 0)
        << "signal " << signal_number << ": " << wait_status::from_raw(raw).describe();
  }
}

TEST_F(control, an_interrupt_after_the_time_to_clean_up_ends_the_process_and_its_tracees) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const file_descriptor from_child(ends[0]);
  const file_descriptor to_test(ends[1]);
  std::array<int, 2> go{};
  ASSERT_EQ(::pipe2(go.data(), O_CLOEXEC), 0);
  const file_descriptor wait_for_go(go[0]);
  const file_descriptor give_go(go[1]);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::signal(SIGINT, SIG_DFL);
    tracer t;
    pid_t id = launch(t, "rest").process().value;
    install_interrupt_handlers(std::chrono::seconds(0));
    std::raise(SIGINT);
    char byte = 0;
    if (::write(to_test.get(), &id, sizeof id) == sizeof id &&
        ::read(wait_for_go.get(), &byte, 1) == 1)
      std::raise(SIGINT);
    ::_exit(1);
  }
  pid_t id = 0;
  ASSERT_EQ(::read(from_child.get(), &id, sizeof id), static_cast<ssize_t>(sizeof id));
  const witness_of tracee_seen({id});
  ASSERT_EQ(::write(give_go.get(), "", 1), 1);
  int raw = 0;
  ::waitpid(child, &raw, 0);
  EXPECT_TRUE(WIFSIGNALED(raw) && WTERMSIG(raw) == SIGINT) << wait_status::from_raw(raw).describe();
  EXPECT_TRUE(tracee_seen.sees_it_gone());
}

// The second one ended the process before it had cleaned up.
TEST_F(control, interrupts_that_come_together_count_as_one) {
  const int raw = raw_status_of_child([] {
    install_interrupt_handlers(std::chrono::hours(1));
    for (const int signal_number : {SIGTERM, SIGTERM, SIGHUP, SIGINT, SIGINT, SIGTERM})
      std::raise(signal_number);
    return interrupt_requested();
  });
  EXPECT_TRUE(WIFEXITED(raw) && WEXITSTATUS(raw) == 0) << wait_status::from_raw(raw).describe();
}

TEST_F(control, a_signal_that_the_caller_ignores_stays_ignored) {
  const int raw = raw_status_of_child([] {
    std::signal(SIGHUP, SIG_IGN); // nohup
    std::signal(SIGINT, SIG_IGN); // a background job of a shell without job control
    install_interrupt_handlers();
    std::raise(SIGHUP);
    std::raise(SIGINT);
    return !interrupt_requested();
  });
  EXPECT_TRUE(WIFEXITED(raw) && WEXITSTATUS(raw) == 0) << wait_status::from_raw(raw).describe();
}

} // namespace
} // namespace heirlock::lab::process_test
