// SPDX-License-Identifier: Apache-2.0
#include "tests/cli/marked_processes.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>
#include <unistd.h>

namespace heirlock::cli::test {
namespace {

constexpr std::chrono::seconds hang{60};
constexpr std::chrono::milliseconds between_looks{2};

template <class Condition>
bool becomes_true(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + hang;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(between_looks);
  }
  return true;
}

} // namespace

process_mark::process_mark() {
  std::random_device source;
  definition_ = "HEIRLOCK_TEST_MARK=" + std::to_string(::getpid()) + "-" +
                std::to_string(source()) + std::to_string(source());
}

std::vector<pid_t> process_mark::bearers() const {
  std::vector<pid_t> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    if (!std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; }))
      continue;
    std::ifstream file(entry.path() / "environ", std::ios::binary);
    const std::string environment((std::istreambuf_iterator<char>(file)), {});
    if (environment.find(definition_) != std::string::npos)
      found.push_back(static_cast<pid_t>(std::stoi(name)));
  }
  return found;
}

bool process_mark::at_least(std::size_t number) const {
  return becomes_true([&] { return bearers().size() >= number; });
}

bool process_mark::none() const {
  return becomes_true([&] { return bearers().empty(); });
}

void process_mark::kill_bearers() const {
  for (const pid_t bearer : bearers())
    ::kill(bearer, SIGKILL);
}

} // namespace heirlock::cli::test
