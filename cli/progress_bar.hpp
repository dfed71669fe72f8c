// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace heirlock::cli {

// A bar on standard error when that is a terminal, from the third second on; nothing otherwise.
class progress_bar {
 public:
  explicit progress_bar(std::string what);
  ~progress_bar(); // wipes the bar
  progress_bar(const progress_bar&) = delete;
  progress_bar& operator=(const progress_bar&) = delete;

  void label(std::string what) { what_ = std::move(what); }
  void show(std::size_t done, std::size_t of);
  void wipe(); // before something is printed

 private:
  using clock = std::chrono::steady_clock;

  std::string what_;
  bool on_terminal_;
  bool drawn_ = false;
  clock::time_point start_ = clock::now();
  clock::time_point last_ = start_;
};

} // namespace heirlock::cli
