// SPDX-License-Identifier: Apache-2.0
#include "lab/bench/report.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace heirlock::lab::bench {
namespace {

using nlohmann::ordered_json;

std::string processor_name() {
  std::ifstream description("/proc/cpuinfo");
  std::string line;
  while (std::getline(description, line))
    if (line.starts_with("model name"))
      if (const auto colon = line.find(": "); colon != std::string::npos)
        return line.substr(colon + 2);
  return "unknown processor";
}

std::string libc_name() {
  char text[64] = "";
  return confstr(_CS_GNU_LIBC_VERSION, text, sizeof text) > 0 ? text : "unknown libc";
}

// "0.62 (0.60 to 0.65)": the median, and the quartiles.
std::string told(const spread& s) {
  return fmt::format("{:.2f} ({:.2f} to {:.2f})", s.median, s.lower_quartile, s.upper_quartile);
}
// With few samples the quartiles say little: all of the range.
std::string told_with_range(const spread& s) {
  return fmt::format("{:.2f} ({:.2f} to {:.2f})", s.median, s.least, s.most);
}

ordered_json document_of(const spread& s) {
  return {{"median", s.median},
          {"quartiles", {s.lower_quartile, s.upper_quartile}},
          {"range", {s.least, s.most}},
          {"samples", s.samples}};
}

void tell_uncontended(std::back_insert_iterator<std::string> out, const suite_results& results,
                      const suite_effort& effort) {
  const auto& rows = results.uncontended;
  const std::string second = rows.size() > 1 ? rows[1].name : "-";
  fmt::format_to(out,
                 "\n### Uncontended\nLock and unlock, CPU time; median of {} interleaved rounds, "
                 "ratios round by round (quartiles).\n\n"
                 "| | ns | to {} | to {} |\n|---|---|---|---|\n",
                 effort.uncontended_rounds, rows[0].name, second);
  for (const auto& row : rows)
    fmt::format_to(out, "| {} | {:.1f} | {} | {} |\n", row.name, row.nanoseconds.median,
                   told(row.to_baseline), rows.size() > 1 ? told(row.to_second) : "-");
}

void tell_contended(std::back_insert_iterator<std::string> out, const suite_results& results,
                    const suite_effort& effort) {
  fmt::format_to(
      out,
      "\n### Contended\nEach process holds the lock for the section and stays outside "
      "for as long. Windows of {} ms; median of {} interleaved rounds ({} where the "
      "rival is there for orientation), ratios round by round (lowest to highest). "
      "Share: acquisitions of the slowest process, relative to an equal part. Alone: what the "
      "section takes in ns when nothing else is done.\n\n"
      "| processes x section (alone) | | million/s | to {} | share |\n|---|---|---|---|---|\n",
      effort.contended.window_ms, effort.contended.rounds, effort.contended.rounds_of_others,
      baseline);
  for (const auto& group : results.contended)
    for (const auto& row : group.results)
      fmt::format_to(out, "| {} x {} ns ({:.0f}) | {} | {:.3f} | {} | {} |\n", group.cell.processes,
                     group.cell.section_ns, group.section_alone_ns, row.name, row.throughput.median,
                     told_with_range(row.to_baseline), told_with_range(row.share));
}

void tell_recovery(std::back_insert_iterator<std::string> out, const suite_results& results,
                   const suite_effort& effort) {
  fmt::format_to(out,
                 "\n### Recovery\nFrom the owner's SIGKILL to a sleeping waiter's having the "
                 "lock; {} interleaved rounds (quartiles).\n\n"
                 "| | us | median to {}'s | round by round |\n|---|---|---|---|\n",
                 effort.recovery_rounds, baseline);
  for (const auto& row : results.recovery)
    fmt::format_to(out, "| {} | {:.0f} ({:.0f} to {:.0f}) | {:.2f} | {} |\n", row.name,
                   row.microseconds.median, row.microseconds.lower_quartile,
                   row.microseconds.upper_quartile, row.medians_ratio, told(row.to_baseline));
}

void tell_growth(std::back_insert_iterator<std::string> out, const suite_results& results,
                 const suite_effort& effort) {
  fmt::format_to(
      out,
      "\n### Growth\nUncontended lock and unlock with few and many of something, in "
      "turns; {} rounds (quartiles).\n\n"
      "| | few | many | ns with few | ns with many | ratio |\n|---|---|---|---|---|---|\n",
      effort.growth_rounds);
  for (const auto& row : results.growth)
    fmt::format_to(out, "| {}, {} | {} | {} | {:.1f} | {:.1f} | {} |\n", row.what, row.name,
                   row.few, row.many, row.nanoseconds_with_few.median,
                   row.nanoseconds_with_many.median, told(row.ratio));
}

} // namespace

surroundings look_around() {
  utsname system = {};
  uname(&system);
  double load = 0;
  if (getloadavg(&load, 1) != 1) load = 0;
  return {processor_name(), fmt::format("{} {}", system.sysname, system.release), libc_name(),
          sysconf(_SC_NPROCESSORS_ONLN), load};
}

std::string text_report(const suite_results& results, const surroundings& where,
                        const suite_effort& effort) {
  std::string text;
  const auto out = std::back_inserter(text);
  fmt::format_to(out, "{}, {} processors, {}, {}; load {:.1f} when it began\n", where.processor,
                 where.processors, where.kernel, where.libc, where.load);
  if (!results.uncontended.empty()) tell_uncontended(out, results, effort);
  if (!results.contended.empty()) tell_contended(out, results, effort);
  for (const auto& group : results.contended)
    if (group.cell.processes > static_cast<unsigned long>(where.processors)) {
      fmt::format_to(out, "\nMore processes than the {} processors measure oversubscription.\n",
                     where.processors);
      break;
    }
  if (!results.recovery.empty()) tell_recovery(out, results, effort);
  if (!results.growth.empty()) tell_growth(out, results, effort);
  return text;
}

ordered_json json_report(const suite_results& results, const surroundings& where,
                         const suite_effort& effort) {
  ordered_json document = {
      {"processor", where.processor}, {"processors", where.processors},
      {"kernel", where.kernel},       {"libc", where.libc},
      {"load", where.load},           {"window_ms", effort.contended.window_ms}};
  ordered_json& plain = document["uncontended_ns"] = ordered_json::object();
  ordered_json& plain_ratio = document["uncontended_ratio"] = ordered_json::object();
  for (const auto& row : results.uncontended) {
    plain[row.name] = row.nanoseconds.median;
    plain_ratio[row.name] = document_of(row.to_baseline);
  }
  ordered_json& contended = document["contended_mops"] = ordered_json::array();
  for (const auto& group : results.contended) {
    ordered_json cell = {{"processes", group.cell.processes},
                         {"section_ns", group.cell.section_ns},
                         {"section_alone_ns", group.section_alone_ns}};
    ordered_json ratios = ordered_json::object(), shares = ordered_json::object();
    for (const auto& row : group.results) {
      cell[row.name] = row.throughput.median;
      ratios[row.name] = document_of(row.to_baseline);
      shares[row.name] = document_of(row.share);
    }
    cell["ratio"] = std::move(ratios);
    cell["share"] = std::move(shares);
    contended.push_back(std::move(cell));
  }
  ordered_json& recovery = document["recovery_us"] = ordered_json::object();
  ordered_json& recovery_ratio = document["recovery_ratio"] = ordered_json::object();
  for (const auto& row : results.recovery) {
    recovery[row.name] = row.microseconds.median;
    recovery_ratio[row.name] = row.medians_ratio;
  }
  ordered_json& growth = document["growth"] = ordered_json::array();
  for (const auto& row : results.growth)
    growth.push_back({{"what", row.what},
                      {"lock", row.name},
                      {"few", row.few},
                      {"many", row.many},
                      {"ratio", document_of(row.ratio)}});
  return document;
}

} // namespace heirlock::lab::bench
