// SPDX-License-Identifier: Apache-2.0
#include "cli/progress_bar.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "cli/terminal.hpp"

namespace heirlock::cli {
namespace {

constexpr int width = 30;
constexpr std::chrono::seconds patience{2};
constexpr std::chrono::milliseconds redraw{100};

} // namespace

progress_bar::progress_bar(std::string what)
    : what_(std::move(what)), on_terminal_(isatty(STDERR_FILENO) != 0) {}

// Not by fmt::print, which throws when the terminal has gone: that is no reason to end.
progress_bar::~progress_bar() {
  wipe();
}

void progress_bar::wipe() {
  if (drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

void progress_bar::show(std::size_t done, std::size_t of) {
  const auto now = clock::now();
  if (!on_terminal_ || now - start_ < patience || now - last_ < redraw) return;
  last_ = now;
  drawn_ = true;
  const double share =
      of == 0 ? 0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(of));
  const int filled = static_cast<int>(share * width);
  std::string line = fmt::format("[{:#>{}}{:.>{}}] {:3.0f} %  {}", "", filled, "", width - filled,
                                 share * 100, what_);
  // A line that is longer than the terminal would leave its first part there at each redraw.
  line.resize(std::min(line.size(), columns_of(STDERR_FILENO) - 1));
  std::fputs(("\r\033[K" + line).c_str(), stderr);
  std::fflush(stderr);
}

} // namespace heirlock::cli
