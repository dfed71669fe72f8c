// SPDX-License-Identifier: Apache-2.0
#include "lab/compare/matrix.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

namespace heirlock::lab {
namespace {

using nlohmann::ordered_json;

void note(std::vector<std::string>& names, const std::string& name) {
  if (std::ranges::find(names, name) == names.end()) names.push_back(name);
}

// Kill points by what is wrong there.
using faults = std::map<std::string, unsigned>;

std::string cell_text(const faults& found) {
  std::string text;
  for (const auto& [name, count] : found)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name);
  return text.empty() ? "ok" : text;
}

} // namespace

std::string matrix_text(const ordered_json& cases) {
  std::vector<std::string> subjects;
  std::vector<std::string> scenarios;
  std::map<std::pair<std::string, std::string>, faults> cells;
  std::map<std::string, std::string> replays;
  for (const auto& document : cases) {
    const auto policy = document.at("policy").get<std::string>();
    auto subject = document.at("subject").get<std::string>();
    if (policy != "stock") subject += fmt::format(" (policy {})", policy);
    const auto scenario = document.at("scenario").get<std::string>();
    note(subjects, subject);
    note(scenarios, scenario);
    faults& cell = cells[{subject, scenario}];
    for (const auto& [name, count] : document.at("verdicts").items())
      if (name != "ok") cell[name] += count.get<unsigned>();
    if (document.contains("before_the_victim"))
      cell[document["before_the_victim"].at("verdict").get<std::string>() +
           " before the victim acts"] += 1;
    if (!document.at("violations").empty())
      replays.try_emplace(fmt::format("{}, {}", subject, scenario),
                          document["violations"][0].at("replay").get<std::string>());
  }
  std::vector<std::size_t> widths;
  std::size_t first = 0;
  for (const auto& subject : subjects)
    first = std::max(first, subject.size());
  for (const auto& scenario : scenarios) {
    std::size_t width = scenario.size();
    for (const auto& subject : subjects)
      if (const auto cell = cells.find({subject, scenario}); cell != cells.end())
        width = std::max(width, cell_text(cell->second).size());
    widths.push_back(width);
  }
  std::string out = fmt::format("{:{}}", "", first);
  for (std::size_t i = 0; i < scenarios.size(); ++i)
    out += fmt::format("  {:{}}", scenarios[i], widths[i]);
  out += '\n';
  for (const auto& subject : subjects) {
    out += fmt::format("{:{}}", subject, first);
    for (std::size_t i = 0; i < scenarios.size(); ++i) {
      const auto cell = cells.find({subject, scenarios[i]});
      out += fmt::format("  {:{}}", cell == cells.end() ? "-" : cell_text(cell->second), widths[i]);
    }
    out += '\n';
  }
  if (!replays.empty()) out += "\nOne kill point of each cell that is not ok:\n";
  for (const auto& [cell, command] : replays)
    out += fmt::format("  {}:\n    {}\n", cell, command);
  return out;
}

} // namespace heirlock::lab
