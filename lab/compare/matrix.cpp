// SPDX-License-Identifier: Apache-2.0
#include "lab/compare/matrix.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

namespace heirlock::lab {
namespace {

using nlohmann::ordered_json;
using lines = std::vector<std::string>;

constexpr std::size_t gap = 2; // between columns

std::size_t width_of(const lines& text) {
  std::size_t width = 0;
  for (const std::string& line : text)
    width = std::max(width, line.size());
  return width;
}

// Kill points by what they are, in the order in which the cases name it.
class cell {
 public:
  void add(const std::string& verdict, unsigned kill_points) {
    for (auto& [name, count] : counts_)
      if (name == verdict) {
        count += kill_points;
        return;
      }
    counts_.emplace_back(verdict, kill_points);
  }

  void lacks_a_premise() { lacks_a_premise_ = true; }

  bool is_harmless() const {
    return std::ranges::all_of(
        counts_, [](const auto& each) { return each.first == "ok" || each.first == "modelled"; });
  }

  lines text() const {
    lines wrong;
    bool modelled = false;
    for (const auto& [name, count] : counts_) {
      modelled |= name == "modelled";
      if (name != "ok" && name != "modelled") wrong.push_back(fmt::format("{} {}", count, name));
    }
    if (!wrong.empty()) return wrong;
    return {fmt::format("{}{}", modelled ? "modelled" : "ok", lacks_a_premise_ ? "*" : "")};
  }

 private:
  std::vector<std::pair<std::string, unsigned>> counts_;
  bool lacks_a_premise_ = false;
};

struct row {
  lines heading;
  std::map<std::string, cell> cells; // by scenario
};

const ordered_json& missing_in(const ordered_json& document) {
  static const ordered_json nothing = ordered_json::array();
  return document.contains("premise_missing") ? document["premise_missing"] : nothing;
}

lines heading_of(const ordered_json& document) {
  lines heading = {document.at("subject").get<std::string>()};
  if (const auto policy = document.at("policy").get<std::string>(); policy != "stock")
    heading.push_back("  under " + policy);
  return heading;
}

// Broken behind hyphens, into parts of that width where they allow it.
lines wrapped(std::string_view name, std::size_t width) {
  lines parts;
  while (!name.empty()) {
    const std::size_t hyphen = name.find('-');
    const std::size_t end = hyphen == std::string_view::npos ? name.size() : hyphen + 1;
    if (!parts.empty() && parts.back().size() + end <= width)
      parts.back() += name.substr(0, end);
    else
      parts.emplace_back(name.substr(0, end));
    name.remove_prefix(end);
  }
  return parts;
}

class matrix {
 public:
  explicit matrix(const ordered_json& cases) {
    for (const auto& document : cases)
      enter(document);
    for (const row& r : rows_)
      first_width_ = std::max(first_width_, width_of(r.heading));
  }

  std::string text(std::size_t columns) const {
    std::string out;
    for (std::size_t first = 0, behind = 0; first < scenarios_.size(); first = behind) {
      std::size_t used = first_width_;
      std::vector<column> shown;
      for (; behind < scenarios_.size(); ++behind) {
        const column next = column_of(scenarios_[behind]);
        used += gap + next.width;
        if (used > columns && behind > first) break;
        shown.push_back(next);
      }
      out += fmt::format("{}{}", out.empty() ? "" : "\n", table_of(shown));
    }
    return out;
  }

  // The operations of cells with a star, by what is missing in them and in how many rows.
  std::string missing_text(const ordered_json& cases) const {
    std::map<std::string, std::map<std::string, unsigned>> missing;
    for (const auto& document : cases)
      for (const auto& each : missing_in(document))
        if (cell_of(document).is_harmless())
          ++missing[each][fmt::format("{} {}", document.at("scenario").get<std::string>(),
                                      document.at("op").get<std::string>())];
    std::string out;
    for (const auto& [what, where] : missing) {
      out += fmt::format("* {}, so that of that ok says nothing, in", what);
      for (const auto& [name, count] : where)
        out += fmt::format("{} {} ({} of {} rows)", name == where.begin()->first ? "" : ",", name,
                           count, rows_.size());
      out += '\n';
    }
    return out;
  }

 private:
  struct column {
    std::string scenario;
    lines heading;
    std::size_t width;
  };

  void enter(const ordered_json& document) {
    const lines heading = heading_of(document);
    auto own = std::ranges::find(rows_, heading, &row::heading);
    if (own == rows_.end()) own = rows_.insert(rows_.end(), {heading, {}});
    const auto scenario = document.at("scenario").get<std::string>();
    if (std::ranges::find(scenarios_, scenario) == scenarios_.end()) scenarios_.push_back(scenario);
    cell& there = own->cells[scenario];
    for (const auto& [verdict, count] : document.at("verdicts").items())
      there.add(verdict, count.get<unsigned>());
    if (!missing_in(document).empty()) there.lacks_a_premise();
    if (document.contains("before_the_victim"))
      there.add(document["before_the_victim"].at("verdict").get<std::string>() +
                    " before the victim acts",
                1);
  }

  const cell& cell_of(const ordered_json& document) const {
    return std::ranges::find(rows_, heading_of(document), &row::heading)
        ->cells.at(document.at("scenario"));
  }

  static lines cell_text(const row& r, const std::string& scenario) {
    const auto found = r.cells.find(scenario);
    return found == r.cells.end() ? lines{"-"} : found->second.text();
  }

  column column_of(const std::string& scenario) const {
    std::size_t width = 0;
    for (const row& r : rows_)
      width = std::max(width, width_of(cell_text(r, scenario)));
    const lines heading = wrapped(scenario, width);
    return {scenario, heading, std::max(width, width_of(heading))};
  }

  // Cells beside each other, of as many lines as the tallest has.
  static std::string line_up(const std::vector<lines>& texts,
                             const std::vector<std::size_t>& widths) {
    std::size_t height = 0;
    for (const lines& text : texts)
      height = std::max(height, text.size());
    std::string out;
    for (std::size_t i = 0; i < height; ++i) {
      std::string line;
      for (std::size_t at = 0; at < texts.size(); ++at)
        line += fmt::format("{:{}}{:{}}", i < texts[at].size() ? texts[at][i] : "", widths[at], "",
                            gap);
      out += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
    }
    return out;
  }

  std::string table_of(const std::vector<column>& shown) const {
    std::vector<lines> texts = {{}};
    std::vector<std::size_t> widths = {first_width_};
    for (const column& c : shown) {
      texts.push_back(c.heading);
      widths.push_back(c.width);
    }
    std::size_t height = 0;
    for (const lines& heading : texts)
      height = std::max(height, heading.size());
    for (lines& heading : texts) // they stand above their cells
      heading.insert(heading.begin(), height - heading.size(), "");
    std::string out = line_up(texts, widths);
    for (const row& r : rows_) {
      texts = {r.heading};
      for (const column& c : shown)
        texts.push_back(cell_text(r, c.scenario));
      out += line_up(texts, widths);
    }
    return out;
  }

  std::vector<row> rows_;
  std::vector<std::string> scenarios_;
  std::size_t first_width_ = 0;
};

} // namespace

std::string matrix_text(const ordered_json& cases, std::size_t columns) {
  return matrix(cases).text(columns);
}

std::string missing_premises_text(const ordered_json& cases) {
  return matrix(cases).missing_text(cases);
}

} // namespace heirlock::lab
