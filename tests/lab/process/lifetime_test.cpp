// SPDX-License-Identifier: Apache-2.0
// Whatever happens to the tracer, its tracees do not outlive it.
#include <array>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab/process/trouble.hpp"
#include "tests/lab/process/traced.hpp"

namespace heirlock::lab::process_test {
namespace {

class lifetime : public process_suite {};

std::string message_of_failed_launch(const launch_request& request) {
  tracer t;
  try {
    t.launch(request);
  } catch (const trouble& error) {
    return error.what();
  }
  return "(it was launched)";
}

// A file that is gone at the end of the scope.
class temporary_file {
 public:
  explicit temporary_file(const char* text) {
    const file_descriptor file(::mkstemp(name_.data()));
    if (!file) throw_errno("mkstemp");
    std::ofstream(name_) << text;
    ::fchmod(file.get(), 0700);
  }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  ~temporary_file() { ::unlink(name_.c_str()); }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  std::string name_ = testing::TempDir() + "heirlock-XXXXXX";
};

TEST_F(lifetime, a_launched_program_stands_before_its_first_instruction) {
  tracer t;
  const tracee& child = t.launch(request("rest"));
  EXPECT_TRUE(child.status().is_event(PTRACE_EVENT_EXEC)) << child.status().describe();
  EXPECT_EQ(child.id(), child.process());
  EXPECT_EQ(t.threads_of(child.process()).size(), 1U);
}

// As a library may do in each new child; ThreadSanitizer does.
bool child_starts_a_thread = false;
void start_a_thread_in_the_child() {
  if (!child_starts_a_thread) return;
  pthread_t thread;
  pthread_create(
      &thread, nullptr, [](void*) -> void* { return nullptr; }, nullptr);
}

TEST_F(lifetime, a_program_is_launched_without_what_others_do_in_a_new_child) {
  ASSERT_EQ(::pthread_atfork(nullptr, nullptr, start_a_thread_in_the_child), 0);
  child_starts_a_thread = true;
  {
    tracer t;
    const tracee& child = t.launch(request("rest"));
    EXPECT_TRUE(child.status().is_event(PTRACE_EVENT_EXEC)) << child.status().describe();
  }
  child_starts_a_thread = false;
}

// A terminal sends Ctrl-C to the whole group of the command: it must not stop the tracees as well.
TEST_F(lifetime, a_launched_program_is_in_a_process_group_of_its_own) {
  tracer t;
  const tracee& child = t.launch(request("rest"));
  EXPECT_EQ(::getpgid(child.id().value), child.id().value);
}

TEST_F(lifetime, a_program_that_ends_by_itself_is_reported_with_its_status) {
  tracer t;
  tracee& child = t.launch(request("exit", 7));
  while (!child.status().is_gone()) {
    child.resume(resumption::run);
    child.wait();
  }
  ASSERT_TRUE(child.status().is<exited>()) << child.status().describe();
  EXPECT_EQ(child.status().as<exited>()->code, 7);
}

TEST_F(lifetime, a_tracee_is_dead_when_the_tracer_goes_out_of_scope_wherever_it_was) {
  for (const char* mode : {"rest", "sleep", "spin"}) {
    for (const bool runs : {false, true}) {
      SCOPED_TRACE(testing::Message() << mode << (runs ? ", running" : ", stopped"));
      std::optional<witness_of> witness;
      {
        tracer t;
        tracee& child = launch(t, mode);
        witness.emplace(child.process());
        EXPECT_FALSE(witness->sees_it_gone(std::chrono::milliseconds(0)));
        if (runs) child.resume(resumption::run);
      }
      EXPECT_TRUE(witness->sees_it_gone(std::chrono::milliseconds(0)));
    }
  }
}

TEST_F(lifetime, every_thread_and_forked_child_is_dead_when_an_exception_flies) {
  std::vector<witness_of> witnesses;
  try {
    tracer t;
    witnesses.emplace_back(launch_with_threads(t, "threads", 3).front()->process());
    tracee& parent = t.launch(request("fork"));
    do {
      parent.resume(resumption::run);
    } while (!parent.wait().is_event(PTRACE_EVENT_FORK));
    witnesses.emplace_back(t.adopt(parent).process());
    witnesses.emplace_back(parent.process());
    throw std::runtime_error("in the middle of it");
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "in the middle of it");
  }
  ASSERT_EQ(witnesses.size(), 3U);
  for (const auto& witness : witnesses)
    EXPECT_TRUE(witness.sees_it_gone(std::chrono::milliseconds(0)));
}

TEST_F(lifetime, a_child_that_nobody_has_adopted_yet_is_dead_too) {
  std::optional<witness_of> child;
  {
    tracer t;
    tracee& parent = t.launch(request("fork"));
    do {
      parent.resume(resumption::run);
    } while (!parent.wait().is_event(PTRACE_EVENT_FORK));
    child.emplace(parent.event_child());
  }
  const bool gone = child->sees_it_gone(std::chrono::milliseconds(0));
  EXPECT_TRUE(gone);
  if (!gone) child->kill();
}

TEST_F(lifetime, kill_reaps_a_process_with_a_thread_that_nobody_has_adopted_yet) {
  tracer t;
  tracee& first = t.launch(request("threads", 2));
  do {
    first.resume(resumption::run);
  } while (!first.wait().is_event(PTRACE_EVENT_CLONE));
  unsigned seen = 0;
  t.kill(first.process(), [&](tracee&) { ++seen; });
  EXPECT_TRUE(first.status().is_gone());
  EXPECT_EQ(seen, 2U) << "the first thread and the new one";
}

TEST_F(lifetime, discard_kills_and_forgets_one_process_and_leaves_the_others) {
  tracer t;
  tracee& stays = launch(t, "rest");
  const thread_id leaves = launch(t, "rest").process();
  const witness_of witness(leaves);
  t.discard(leaves);
  EXPECT_TRUE(witness.sees_it_gone(std::chrono::milliseconds(0)));
  EXPECT_TRUE(t.threads_of(leaves).empty());
  EXPECT_FALSE(witness_of(stays.process()).sees_it_gone(std::chrono::milliseconds(0)));
  EXPECT_TRUE(stays.status().is_stopped());
}

TEST_F(lifetime, kill_of_what_is_gone_already_does_nothing) {
  tracer t;
  tracee& child = launch(t, "rest");
  t.kill(child.process());
  EXPECT_TRUE(child.status().is_gone());
  t.kill(child.process(), [](tracee&) { ADD_FAILURE() << "it died before"; });
}

// Stopped, asleep, forked and adopted: the kernel ends them all with the tracing process.
TEST_F(lifetime, tracees_are_gone_when_the_tracing_process_is_sigkilled) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const file_descriptor from_tracer(ends[0]);
  file_descriptor to_test(ends[1]);
  const pid_t tracing = ::fork();
  ASSERT_GE(tracing, 0);
  if (tracing == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
      tracer t;
      std::vector<pid_t> ids;
      ids.push_back(launch(t, "rest").process().value);
      tracee& sleeper = launch(t, "sleep");
      sleeper.resume(resumption::run);
      sleeper.settle(std::chrono::seconds(10));
      ids.push_back(sleeper.process().value);
      tracee& parent = t.launch(request("fork"));
      do {
        parent.resume(resumption::run);
      } while (!parent.wait().is_event(PTRACE_EVENT_FORK));
      ids.push_back(t.adopt(parent).process().value);
      ids.push_back(parent.process().value);
      if (::write(to_test.get(), ids.data(), ids.size() * sizeof(pid_t)) < 0) ::_exit(1);
      for (;;)
        ::pause();
    } catch (const std::exception&) {
    }
    ::_exit(1);
  }
  to_test.reset();
  std::array<pid_t, 4> ids{};
  const ssize_t received = ::read(from_tracer.get(), ids.data(), sizeof ids);
  std::vector<witness_of> witnesses;
  if (received == sizeof ids)
    for (const pid_t id : ids)
      witnesses.emplace_back(thread_id{id});
  ::kill(tracing, SIGKILL);
  ::waitpid(tracing, nullptr, 0);
  ASSERT_EQ(witnesses.size(), ids.size()) << "the tracing process had trouble of its own";
  for (std::size_t i = 0; i < witnesses.size(); ++i) {
    const bool gone = witnesses[i].sees_it_gone();
    EXPECT_TRUE(gone) << "tracee " << i;
    if (!gone) witnesses[i].kill();
  }
}

TEST_F(lifetime, a_program_that_is_not_there_is_named) {
  const std::string message = message_of_failed_launch({{"/no/such/program"}, {}});
  EXPECT_NE(message.find("/no/such/program"), std::string::npos) << message;
  EXPECT_NE(message.find("No such file"), std::string::npos) << message;
}

TEST_F(lifetime, a_file_that_is_no_program_is_refused_with_the_reason_of_the_kernel) {
  const temporary_file file("neither ELF nor script\n");
  const std::string message = message_of_failed_launch({{file.name()}, {}});
  EXPECT_NE(message.find(file.name()), std::string::npos) << message;
  EXPECT_NE(message.find("Exec format error"), std::string::npos) << message;
}

} // namespace
} // namespace heirlock::lab::process_test
