// SPDX-License-Identifier: Apache-2.0
#include "cli/choices.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "lab/process/trouble.hpp"
#include "lab/scenarios/scenarios.hpp"
#include "lab/subjects/builtin.h"
#include "lab/subjects/shipped.hpp"

namespace heirlock::cli {

using namespace heirlock::lab;

namespace {

std::string known_names() {
  std::string names;
  for (unsigned i = 0; const heirlock_subject* s = heirlock_builtin_subject_at(i); ++i)
    names += fmt::format("{}{}", i == 0 ? "" : ", ", s->name);
  for (const std::string& name : shipped_subjects())
    names += ", " + name;
  return names;
}

} // namespace

void print_choices() {
  fmt::print(
      "subjects (or the path of a shared library that implements lab/subjects/subject.h):\n");
  for (unsigned i = 0; const heirlock_subject* s = heirlock_builtin_subject_at(i); ++i)
    fmt::print("  {:28}{}\n", s->name, s->summary);
  for (const std::string& name : shipped_subjects()) {
    const auto about = describe_subject(*shipped_subject_library(name));
    fmt::print("  {:28}{}\n", name, about.summary);
    if (!about.policy.empty()) fmt::print("  {:28}needs --policy {}\n", "", about.policy);
  }
  fmt::print("\noperations (contended: somebody else holds the lock, or sleeps on it):\n");
  for (const operation op : all_operations)
    fmt::print("  {}\n", name_of(op));
  fmt::print("\nscenarios:\n");
  for (const scenario* s : all_scenarios()) {
    fmt::print("  {:28}{};\n  {:28}must hold: {}\n", s->name(), s->summary(), "", s->promise());
    if (!s->needs_policy().empty()) fmt::print("  {:28}needs --policy {}\n", "", s->needs_policy());
  }
  for (const auto& [s, lacks] : scenarios_not_here())
    fmt::print("  {} cannot be performed here: {}\n", s->name(), lacks);
  fmt::print("\nkernel policies:\n");
  for (const kernel::policy* p : kernel::all_policies())
    fmt::print("  {:28}{}\n", p->name(), p->summary());
}

nlohmann::ordered_json choices_document() {
  using nlohmann::ordered_json;
  ordered_json subjects = ordered_json::array();
  const auto add_subject = [&](const std::string& name, const std::string& summary,
                               const std::string& policy) {
    subjects.push_back({{"name", name}, {"summary", summary}});
    if (!policy.empty()) subjects.back()["needs_policy"] = policy;
  };
  for (unsigned i = 0; const heirlock_subject* s = heirlock_builtin_subject_at(i); ++i)
    add_subject(s->name, s->summary, {});
  for (const std::string& name : shipped_subjects()) {
    const auto about = describe_subject(*shipped_subject_library(name));
    add_subject(name, about.summary, about.policy);
  }
  ordered_json operations = ordered_json::array();
  for (const operation op : all_operations)
    operations.push_back(name_of(op));
  ordered_json scenarios = ordered_json::array();
  for (const scenario* s : all_scenarios()) {
    scenarios.push_back(
        {{"name", s->name()}, {"summary", s->summary()}, {"must_hold", s->promise()}});
    if (!s->needs_policy().empty()) scenarios.back()["needs_policy"] = s->needs_policy();
    if (const auto lacks = s->why_not_here(); !lacks.empty()) scenarios.back()["not_here"] = lacks;
  }
  ordered_json policies = ordered_json::array();
  for (const kernel::policy* p : kernel::all_policies())
    policies.push_back({{"name", p->name()}, {"summary", p->summary()}});
  return {{"subjects", subjects},
          {"operations", operations},
          {"scenarios", scenarios},
          {"policies", policies}};
}

std::string chosen_subject(const std::string& name) {
  if (name.empty())
    throw trouble(
        fmt::format("say which lock: --subject {} or the path of a shared library", known_names()));
  // Opening a pipe waits for its other end.
  if (name.find('/') != std::string::npos && std::filesystem::exists(name) &&
      !std::filesystem::is_regular_file(name))
    throw trouble(fmt::format("subject {}: it is not a regular file", name));
  if (name.find('/') != std::string::npos || heirlock_builtin_subject(name.c_str()) != nullptr)
    return name;
  if (const auto library = shipped_subject_library(name)) return *library;
  throw trouble(
      fmt::format("unknown subject '{}': known are {}; a shared library is named by a path with "
                  "a slash, such as ./my_lock.so",
                  name, known_names()));
}

std::vector<operation> chosen_operations(const std::vector<std::string>& names) {
  std::vector<operation> chosen;
  for (const std::string& name : names) {
    const auto op = operation_named(name);
    if (!op) throw trouble(fmt::format("unknown operation '{}': see heirlock audit --list", name));
    chosen.push_back(*op);
  }
  if (chosen.empty()) chosen.assign(all_operations.begin(), all_operations.end());
  return chosen;
}

std::vector<const scenario*> chosen_scenarios(const std::vector<std::string>& names,
                                              std::optional<std::string_view> policy) {
  std::vector<const scenario*> chosen;
  for (const std::string& name : names) {
    const scenario* const found = scenario_named(name);
    if (found == nullptr)
      throw trouble(fmt::format("unknown scenario '{}': see heirlock audit --list", name));
    chosen.push_back(found);
  }
  return chosen.empty() ? scenarios_here(policy) : chosen;
}

nlohmann::ordered_json scenarios_left_out(const std::vector<std::string>& names) {
  auto left_out = nlohmann::ordered_json::array();
  if (!names.empty()) return left_out;
  for (const auto& [what, lacks] : scenarios_not_here())
    left_out.push_back({{"scenario", what->name()}, {"why", lacks}});
  return left_out;
}

std::string left_out_text(const nlohmann::ordered_json& left_out) {
  std::string text;
  for (const auto& each : left_out)
    text += fmt::format("{} was not performed: {}\n", each["scenario"].get<std::string>(),
                        each["why"].get<std::string>());
  return text;
}

const kernel::policy& chosen_policy(const std::string& name) {
  const kernel::policy* const found = kernel::policy_named(name);
  if (found == nullptr)
    throw trouble(fmt::format("unknown policy '{}': see heirlock audit --list", name));
  return *found;
}

} // namespace heirlock::cli
