// SPDX-License-Identifier: Apache-2.0
#include "lab/storm/report.hpp"

#include <fmt/format.h>

namespace heirlock::lab::storm {
namespace {

struct named_way {
  const char* name;
  way what;
};
constexpr named_way named_ways[] = {{"nested", way::nested}, {"timed", way::timed},
                                    {"try", way::tried},     {"detach", way::detach},
                                    {"exit", way::exit},     {"exec", way::exec}};

std::string replay(const storm_report& r, std::uint64_t kills) {
  return fmt::format("heirlock storm --subject {} --kills {} --processes {} --threads {} --seed {} "
                     "--ways {} --backstop {}",
                     r.subject, kills, r.chosen.processes, r.chosen.threads, r.chosen.seed,
                     names_of_ways(r.chosen.ways), r.chosen.backstop_ms);
}

std::string killed_while(const storm_report& r) {
  std::string text = "killed while";
  for (unsigned s = 0; s < victim_states; ++s)
    text += fmt::format("{} {} {}", s == 0 ? "" : ",", victim_state_names[s],
                        r.killed_while[s] ? std::to_string(*r.killed_while[s]) : "-");
  text += "\n";
  if (r.doing.empty()) return text;
  text += "  of enqueuing and waiting, in the lock's own words:";
  for (const auto& [doing, count] : r.doing)
    text += fmt::format(" {} {};", doing, count);
  text.back() = '\n';
  return text;
}

} // namespace

std::string names_of_ways(std::uint32_t ways) {
  std::string names;
  for (const named_way& each : named_ways)
    if ((ways & static_cast<std::uint32_t>(each.what)) != 0)
      names += fmt::format("{}{}", names.empty() ? "" : ",", each.name);
  return names.empty() ? "none" : names;
}

std::uint32_t way_named(const std::string& name) {
  for (const named_way& each : named_ways)
    if (name == each.name) return static_cast<std::uint32_t>(each.what);
  return 0;
}

std::string text_report(const storm_report& r, std::uint64_t kills_asked) {
  std::string text = fmt::format(
      "{} on {}: {} kills in {:.1f} s; {} processes of {} threads, ways: {}\n", r.subject, r.libc,
      r.kills, r.seconds, r.chosen.processes, r.chosen.threads, names_of_ways(r.chosen.ways));
  if (!r.policy.empty())
    text += fmt::format("This lock needs a kernel that implements {}; a storm runs on the one that "
                        "is there.\n",
                        r.policy);
  text +=
      fmt::format("\nhangs {}, two owners {}, unreported deaths {}, false deaths {}, crashes {}, "
                  "unexpected results {}\n",
                  r.hangs, r.found.two_owners, r.found.unreported_deaths, r.found.false_deaths,
                  r.crashes, r.found.unexpected_results);
  if (r.counters)
    text += fmt::format("backstop rescues {}, stopped predecessors {} (legal)\n",
                        r.counters->backstop_rescues, r.counters->stopped_predecessors);
  text += killed_while(r);
  text +=
      fmt::format("{} acquisitions, {} reports of a death ({} of a death in a window), {} given "
                  "up in time, {} deaths by exec, {} by the end of a thread\n{} times all had to "
                  "come to rest; {} reports not judged\n",
                  r.acquisitions, r.reports, r.reports_from_windows, r.given_up, r.execs,
                  r.exits_holding, r.drains, r.unjudged);
  for (const std::string& story : r.stories)
    text += "\n" + story + "\n";
  if (r.violated()) {
    text += fmt::format("\nViolated. The moments of the kills vary; to try again:\n  {}\n",
                        replay(r, kills_asked));
  } else if (const auto few = r.neglected(); !few.empty()) {
    for (const victim_state s : few)
      text +=
          fmt::format("\nNot tried enough: {} of {} kills while {}, fewer than one in a hundred.\n",
                      r.killed_while[static_cast<unsigned>(s)].value_or(0), r.kills,
                      victim_state_names[static_cast<unsigned>(s)]);
    text += fmt::format("Give more kills, or more processes:\n  {}\n", replay(r, kills_asked));
  }
  return text;
}

nlohmann::ordered_json json_report(const storm_report& r) {
  nlohmann::ordered_json states;
  for (unsigned s = 0; s < victim_states; ++s) {
    states[victim_state_names[s]] = nullptr;
    if (r.killed_while[s]) states[victim_state_names[s]] = *r.killed_while[s];
  }
  nlohmann::ordered_json neglected = nlohmann::ordered_json::array();
  for (const victim_state s : r.neglected())
    neglected.push_back(victim_state_names[static_cast<unsigned>(s)]);
  nlohmann::ordered_json document = {{"subject", r.subject},
                                     {"libc", r.libc},
                                     {"seed", r.chosen.seed},
                                     {"processes", r.chosen.processes},
                                     {"threads", r.chosen.threads},
                                     {"ways", names_of_ways(r.chosen.ways)},
                                     {"kills", r.kills},
                                     {"acquisitions", r.acquisitions},
                                     {"hangs", r.hangs},
                                     {"two_owners", r.found.two_owners},
                                     {"unreported_deaths", r.found.unreported_deaths},
                                     {"false_deaths", r.found.false_deaths},
                                     {"crashes", r.crashes},
                                     {"unexpected_results", r.found.unexpected_results},
                                     {"backstop_rescues", nullptr},
                                     {"stopped_predecessor", nullptr},
                                     {"killed_while", states},
                                     {"neglected", neglected},
                                     {"doing", r.doing},
                                     {"reports", r.reports},
                                     {"reports_from_windows", r.reports_from_windows},
                                     {"unjudged", r.unjudged},
                                     {"given_up", r.given_up},
                                     {"execs", r.execs},
                                     {"exits_holding", r.exits_holding},
                                     {"drains", r.drains},
                                     {"seconds", r.seconds},
                                     {"stories", r.stories}};
  if (r.counters) {
    document["backstop_rescues"] = r.counters->backstop_rescues;
    document["stopped_predecessor"] = r.counters->stopped_predecessors;
  }
  return document;
}

} // namespace heirlock::lab::storm
