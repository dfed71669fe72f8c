// SPDX-License-Identifier: Apache-2.0
// Runs `heirlock audit --at` as a user does, in a directory of its own, and sees to it that nothing is left.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace heirlock::cli::test {

struct outcome {
  int status = -1; // exit status; -1 when a signal ended it
  std::string out;
  std::string err;

  nlohmann::json json() const { return nlohmann::json::parse(out); }
};

using words = std::vector<std::string>;

class audit_at : public testing::Test {
 protected:
  audit_at();
  ~audit_at() override;

  std::filesystem::path file() const { return directory_ / "ledger"; }
  // The command that judges the ledger: verify or repaired.
  std::string check(const std::string& how = "verify") const;
  // heirlock audit --at OPTIONS -- ledger FILE WHAT
  outcome audit(words options, const std::string& what) const;
  // heirlock audit WORDS
  outcome heirlock(const words& command) const;
  outcome shell(const std::string& line) const;

  // The same, but it is still running.
  pid_t start(const words& command, const std::string& out_name, const std::string& err_name) const;
  outcome finish(pid_t pid, const std::string& out_name, const std::string& err_name) const;

  // Whether a process that this test has started, or one that such a process has started, is still
  // there; those that are dying get time to die.
  static bool nobody_is_left();

  std::filesystem::path directory_;
};

// Waits, with a bound.
bool appears(const std::filesystem::path& path);
std::string text_of(const std::filesystem::path& path);

} // namespace heirlock::cli::test
