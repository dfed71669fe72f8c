// SPDX-License-Identifier: Apache-2.0
// System calls that the tracer makes in the kernel's place, for a thread that runs and for one that is stepped.
#include "lab/process/system_call.hpp"
#include "tests/lab/process/traced.hpp"

namespace heirlock::lab::process_test {
namespace {

constexpr std::int64_t answer = 4711;

class system_call_suite : public process_suite {
 protected:
  // Answers the call that no kernel knows.
  system_call_hook answers() {
    return [this](thread_id, const system_call& call) -> std::optional<std::int64_t> {
      if (call.number != static_cast<std::uint64_t>(unknown_system_call)) {
        ++others_;
        return std::nullopt;
      }
      ++calls_;
      EXPECT_EQ(call.arguments[0], 7u);
      EXPECT_EQ(call.arguments[1], 9u);
      return answer;
    };
  }

  unsigned calls_ = 0;
  unsigned others_ = 0;
};

TEST_F(system_call_suite, a_running_thread_gets_the_tracers_answer_and_others_the_kernels) {
  const system_calls_made_here here(answers());
  tracer t;
  tracee& caller = launch(t, "unknown-call");
  run_to_landmark(caller);
  EXPECT_EQ(page().value, static_cast<std::uint64_t>(answer));
  EXPECT_EQ(calls_, 1u);
  EXPECT_GT(others_, 0u) << "the program has loaded libraries, and they were";
}

TEST_F(system_call_suite, a_stepped_thread_gets_the_same_and_its_step_ends_behind_the_call) {
  const system_calls_made_here here(answers());
  tracer t;
  tracee& caller = launch(t, "unknown-call");
  for (unsigned steps = 0; calls_ == 0; ++steps) {
    ASSERT_LT(steps, 10'000u) << "the call does not come";
    ASSERT_EQ(page().value, 0u);
    const remote_address before = caller.regs().pc();
    caller.resume(resumption::step);
    caller.wait();
    ASSERT_TRUE(caller.status().is_signal(SIGTRAP)) << caller.status().describe();
    EXPECT_NE(caller.regs().pc(), before);
  }
  EXPECT_EQ(caller.regs().syscall_number(), static_cast<std::uint64_t>(answer));
  run_to_landmark(caller);
  EXPECT_EQ(page().value, static_cast<std::uint64_t>(answer));
  EXPECT_EQ(calls_, 1u) << "the kernel has been asked as well";
}

TEST_F(system_call_suite, without_a_hook_the_kernel_answers) {
  tracer t;
  tracee& caller = launch(t, "unknown-call");
  run_to_landmark(caller);
  EXPECT_EQ(page().value, ~std::uint64_t{0}) << "an error";
}

} // namespace
} // namespace heirlock::lab::process_test
