// SPDX-License-Identifier: Apache-2.0
// Storms over locks with a known fault, which must be found with the right verdict, and over sound ones.
#include "lab/storm/storm.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lab/storm/report.hpp"

namespace heirlock::lab::storm {
namespace {

std::string toy(const std::string& kind, const std::string& name) {
  return std::string(HEIRLOCK_TOYS) + "/" + kind + "/" + name + ".so";
}

storm_options short_storm(const std::string& subject) {
  storm_options options;
  options.subject = subject;
  options.kills = 300;
  options.chosen.ways = all_ways;
  return options;
}

std::vector<std::string> verdicts_of(const storm_report& r) {
  std::vector<std::string> names;
  const auto add = [&](std::uint64_t count, const char* name) {
    if (count != 0) names.emplace_back(name);
  };
  add(r.hangs, "hang");
  add(r.found.two_owners, "two owners");
  add(r.found.unreported_deaths, "unreported death");
  add(r.found.false_deaths, "false death");
  add(r.crashes, "crash");
  return names;
}

struct planted {
  const char* toy;
  std::vector<std::string> verdicts;
};

// What the toy's lock does to a second owner's unlock is its own affair: unexpected results are not compared.
class planted_fault : public testing::TestWithParam<planted> {};

TEST_P(planted_fault, is_found_by_a_storm) {
  storm_options options = short_storm(toy("broken", GetParam().toy));
  options.kills = 20'000; // far more than it takes
  const storm_report report = run_storm(options);
  EXPECT_EQ(verdicts_of(report), GetParam().verdicts) << text_report(report, options.kills);
  EXPECT_LT(report.kills, options.kills);
}

INSTANTIATE_TEST_SUITE_P(, planted_fault,
                         testing::Values(planted{"two-owners", {"two owners"}},
                                         planted{"takes-over-the-living",
                                                 {"two owners", "false death"}},
                                         planted{"wake-never-sent", {"hang"}},
                                         planted{"takeover-drops-waiters", {"hang"}},
                                         planted{"spins-on-dead-owner", {"hang"}},
                                         planted{"death-never-reported", {"unreported death"}},
                                         planted{"reports-death-twice", {"false death"}},
                                         planted{"marks-live-owner", {"false death"}}),
                         [](const auto& each) {
                           std::string name = each.param.toy;
                           for (char& c : name)
                             if (c == '-') c = '_';
                           return name;
                         });

class sound_lock : public testing::TestWithParam<const char*> {};

TEST_P(sound_lock, passes_a_storm) {
  std::string subject = GetParam();
  if (subject.starts_with("toy:")) subject = toy("safe", subject.substr(4));
  for (const std::uint32_t threads : {1u, 3u}) {
    storm_options options = short_storm(subject);
    options.chosen.threads = threads;
    const storm_report report = run_storm(options);
    const std::string text = text_report(report, options.kills);
    EXPECT_FALSE(report.violated()) << text;
    EXPECT_TRUE(report.neglected().empty()) << text;
    EXPECT_EQ(report.kills, options.kills) << text;
    // A storm in which nobody died owning, or nobody was told, has shown nothing.
    EXPECT_GT(report.reports, 0u) << text;
    EXPECT_GT(report.drains, 0u) << text;
    EXPECT_EQ(report.unjudged, 0u) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(, sound_lock, testing::Values("heirlock", "heirlock-asymmetric"),
                         [](const auto& each) {
                           std::string name;
                           for (const char c : std::string(each.param))
                             name += c == '-' || c == ':' ? '_' : c;
                           return name;
                         });

} // namespace
} // namespace heirlock::lab::storm
