// SPDX-License-Identifier: Apache-2.0
// What the audit says of each protocol of the discussion that leaves the kernel as it is, and that it finds each of
// them out when a step is dropped or out of its place. docs/fixes.md cites the same cases as commands.
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "tests/lab/protocols/audit_under_policy.hpp"

namespace heirlock::lab {
namespace {

using enum verdict;
constexpr auto unlock = operation::unlock;
constexpr auto contended = operation::unlock_contended;
constexpr const char* same = "reuse-same-process";
constexpr const char* other = "reuse-other-process";
constexpr const char* remap = "remap-file";

struct expected_case {
  const char* subject;
  operation op;
  const char* scenario;
  verdict found;        // ok: nothing but that
  bool held_up = false; // ok because a destroy or a mapping call waited for the stopped victim
};

void PrintTo(const expected_case& c, std::ostream* to) {
  *to << c.subject << ": " << name_of(c.found) << " in " << name_of(c.op) << ", " << c.scenario;
}

std::string name_of_case(const testing::TestParamInfo<expected_case>& one) {
  std::string name = std::string(one.param.subject) + "_" + std::string(name_of(one.param.op)) +
                     "_" + one.param.scenario;
  std::ranges::replace(name, '-', '_');
  return name;
}

void expect(const expected_case& c, const case_report& report) {
  const std::string replay = replay_under(kernel::stock(), report);
  EXPECT_GT(report.facts.reused, 0u) << "the memory was never reused\n" << replay;
  if (c.found == ok) {
    EXPECT_TRUE(is_clean(report)) << replay;
    EXPECT_EQ(report.facts.held_up > 0, c.held_up) << replay;
  } else {
    EXPECT_GT(count(report, c.found), 0u) << replay;
  }
}

class Protocol : public testing::TestWithParam<expected_case> {};

TEST_P(Protocol, IsJudgedAsTheDocumentSays) {
  const expected_case& c = GetParam();
  expect(c, audit_under(kernel::stock(), std::string(SUBJECT_DIRECTORY) + "/" + c.subject + ".so",
                        c.op, c.scenario));
}

constexpr bool waits = true;
constexpr expected_case cases[] = {
    {"destroy-scan", unlock, same, ok, waits},
    {"destroy-scan", contended, same, ok, waits},
    {"destroy-scan", unlock, remap, ok, waits},
    {"destroy-scan", unlock, other, corrupted},
    {"hazard-pointer-thread", unlock, same, ok, waits},
    {"hazard-pointer-thread", unlock, other, corrupted},
    {"hazard-pointer-cpu", unlock, same, ok, waits},
    {"hazard-pointer-cpu", contended, same, ok, waits},
    {"hazard-pointer-cpu", unlock, other, corrupted},
    {"hazard-pointer-mm-cid", unlock, same, ok, waits},
    {"hazard-pointer-mm-cid", unlock, other, corrupted},
    // A count that a killed unlocker has left behind is never taken back.
    {"refcount", unlock, other, stuck},
    {"refcount", contended, same, stuck},
    {"refcount-munmap", unlock, remap, ok, waits},
    {"refcount-munmap", unlock, same, corrupted},
    {"refcount-munmap", unlock, other, corrupted},
    {"serialize-mmap", unlock, remap, ok, waits},
    {"serialize-mmap", unlock, same, corrupted},
};
INSTANTIATE_TEST_SUITE_P(OfTheDiscussion, Protocol, testing::ValuesIn(cases), name_of_case);

class ProtocolWithAFault : public testing::TestWithParam<expected_case> {};

TEST_P(ProtocolWithAFault, IsFoundOut) {
  const expected_case& c = GetParam();
  expect(c, audit_under(kernel::stock(),
                        std::string(PROTOCOL_FAULT_DIRECTORY) + "/" + c.subject + ".so", c.op,
                        c.scenario));
}

constexpr expected_case faults[] = {
    {"destroy_scan_without_d2", unlock, same, corrupted},
    {"destroy_scan_skips_the_first_thread", unlock, same, corrupted},
    {"hazard_thread_without_0", unlock, same, corrupted},
    {"hazard_cpu_7_before_1", unlock, same, corrupted},
    {"hazard_mm_cid_skips_the_first_slot", unlock, same, corrupted},
    {"refcount_without_d2", unlock, other, corrupted},
    {"refcount_munmap_skips_the_first_page", unlock, remap, corrupted},
    {"serialize_mmap_without_0", unlock, remap, corrupted},
};
INSTANTIATE_TEST_SUITE_P(Planted, ProtocolWithAFault, testing::ValuesIn(faults), name_of_case);

} // namespace
} // namespace heirlock::lab
