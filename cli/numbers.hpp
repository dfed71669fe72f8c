// SPDX-License-Identifier: Apache-2.0
// Checks of the numbers on the command line, in words: CLI11's own name the largest double in 308 digits, read -1 as
// a huge number where none is negative, and let "not a number" pass.
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <string>

namespace heirlock::cli {

// Longer than anybody waits, and short enough to be counted in any unit of time.
constexpr double longest_seconds = 7 * 24 * 60 * 60;

inline CLI::Validator seconds() {
  return {[](const std::string& text) {
            double value = 0;
            const bool fits =
                CLI::detail::lexical_cast(text, value) && value > 0 && value <= longest_seconds;
            return fits ? std::string()
                        : fmt::format("'{}' is not a number of seconds above 0 and up to {}", text,
                                      longest_seconds);
          },
          "SECONDS"};
}

// Nine digits: it fits an int wherever it goes.
inline CLI::Validator whole_number(int lowest) {
  return {[lowest](const std::string& text) {
            const bool fits = !text.empty() && text.size() <= 9 &&
                              text.find_first_not_of("0123456789") == std::string::npos &&
                              std::stoi(text) >= lowest;
            return fits ? std::string()
                        : fmt::format("'{}' is not a whole number from {} to 999999999", text,
                                      lowest);
          },
          "NUMBER"};
}

} // namespace heirlock::cli
