// SPDX-License-Identifier: Apache-2.0
// A system call that is refused (a sandbox's seccomp filter) makes no audit wrong: it takes another way, or says so.
#include <cerrno>
#include <cstring>
#include <string>
#include <sys/syscall.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/cli/command.hpp"
#include "tests/seccomp.hpp"

namespace heirlock::cli::test {
namespace {

outcome without(std::vector<long> calls, int error, const std::vector<std::string>& arguments) {
  return command(arguments)
      .with([calls = std::move(calls), error] {
        for (const long call : calls)
          refuse_system_call(call, error);
      })
      .start()
      .finish();
}

// Without what differs between any two runs: addresses, thread IDs, times.
nlohmann::json essence_of(const outcome& result) {
  const auto document = result.json();
  EXPECT_FALSE(document.is_discarded()) << result;
  if (document.is_discarded()) return {};
  nlohmann::json kept = {{"kill_points", document.at("kill_points")},
                         {"verdicts", document.at("verdicts")}};
  for (const auto& each : document.at("violations"))
    kept["violations"].push_back({each.at("step"), each.at("symbol"), each.at("offset"),
                                  each.at("instruction"), each.at("verdict")});
  for (const auto& each : document.at("window"))
    kept["window"].push_back({each.at("step"), each.at("instruction"), each.at("pending")});
  return kept;
}

class a_refused_call : public testing::TestWithParam<int> {};

// Whatever memory it could not read it took for none: instructions, lists, words.
TEST_P(a_refused_call, of_process_vm_readv_or_writev_changes_nothing_in_an_audit) {
  NEEDS_SECCOMP();
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"audit", "--subject", "pthread-robust", "--op", "unlock",
                                 "--scenario", "reuse-other-process", "--json"},
        {"audit", "--subject", "pthread-robust", "--op", "unlock", "--scenario",
         "reuse-other-process", "--policy", "stock-copy", "--json"}}) {
    const outcome as_ever = run(arguments);
    EXPECT_EQ(as_ever.status, 1) << as_ever;
    const outcome refused =
        without({SYS_process_vm_readv, SYS_process_vm_writev}, GetParam(), arguments);
    EXPECT_EQ(refused.status, 1) << refused;
    EXPECT_EQ(essence_of(refused), essence_of(as_ever));
  }
}

// No operation was pending, it said, and so nothing was in the window.
TEST_P(a_refused_call, of_get_robust_list_is_said) {
  NEEDS_SECCOMP();
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"audit", "--subject", "pthread-robust", "--op", "unlock",
                                 "--scenario", "reuse-other-process"},
        {"reproduce"},
        {"demo"}}) {
    const outcome result = without({SYS_get_robust_list}, GetParam(), arguments);
    EXPECT_EQ(result.status, 2) << result;
    EXPECT_TRUE(result.err_has("get_robust_list(2) is refused")) << result;
    EXPECT_TRUE(result.err_has("seccomp")) << result;
  }
}

// Each waited for ever for a process that nobody had ended.
TEST_P(a_refused_call, to_end_children_or_to_see_their_end_is_said_and_no_hang) {
  NEEDS_SECCOMP();
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"audit", "--subject", "pthread-robust", "--op", "unlock",
                                 "--scenario", "reuse-other-process"},
        {"audit", "--at", "main", "--", "/bin/true"},
        {"demo"},
        {"reproduce"},
        {"reproduce", "--natural", "1"},
        {"reproduce", "--widen", "1"},
        {"storm", "--subject", "heirlock", "--kills", "2"}})
    for (const auto& [number, name] : {std::pair{SYS_kill, "kill(2)"}, {SYS_waitid, "waitid(2)"}}) {
      const outcome result = without({number}, GetParam(), arguments);
      EXPECT_EQ(result.status, 2) << result;
      EXPECT_TRUE(result.err_has(std::string(name) + " is refused")) << result;
      EXPECT_TRUE(result.err_has("seccomp")) << result;
    }
}

// The lock was blamed: its owners' deaths were never reported.
TEST_P(a_refused_call, of_set_robust_list_is_no_fault_of_the_lock) {
  NEEDS_SECCOMP();
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"audit", "--subject", "pthread-robust", "--op", "unlock",
                                 "--scenario", "owner-killed"},
        {"demo"},
        {"reproduce", "--natural", "1"},
        {"storm", "--subject", "heirlock", "--kills", "2"}}) {
    const outcome result = without({SYS_set_robust_list}, GetParam(), arguments);
    EXPECT_EQ(result.status, 2) << result;
    EXPECT_TRUE(result.err_has("set_robust_list(2) is refused")) << result;
  }
}

INSTANTIATE_TEST_SUITE_P(, a_refused_call, testing::Values(EPERM, ENOSYS), [](const auto& each) {
  return std::string(::strerrorname_np(each.param));
});

} // namespace
} // namespace heirlock::cli::test
