// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace heirlock::cli {

// The exit statuses of every verb, as grep(1) and diff(1) have them.
enum class exit_status : int {
  nothing_wrong = 0,
  violations = 1, // ran, and found some
  trouble = 2,    // could not do what was asked, or the usage was wrong
};

// What a verb does once its options are parsed.
using action = std::function<exit_status()>;

// Each adds its verb with its options, and stores what to do when the verb is chosen.
void add_demo(CLI::App& app, action& chosen);
void add_reproduce(CLI::App& app, action& chosen);
void add_audit(CLI::App& app, action& chosen);
void add_compare(CLI::App& app, action& chosen);
void add_bench(CLI::App& app, action& chosen);
void add_storm(CLI::App& app, action& chosen);

} // namespace heirlock::cli
