// SPDX-License-Identifier: Apache-2.0
#include "cli/progress_bar.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace heirlock::cli {
namespace {

constexpr int width = 30;
constexpr std::chrono::seconds patience{2};
constexpr std::chrono::milliseconds redraw{100};

} // namespace

progress_bar::progress_bar(std::string what)
    : what_(std::move(what)), on_terminal_(isatty(STDERR_FILENO) != 0) {}

progress_bar::~progress_bar() {
  if (drawn_) fmt::print(stderr, "\r\033[K");
}

void progress_bar::show(std::size_t done, std::size_t of) {
  const auto now = clock::now();
  if (!on_terminal_ || now - start_ < patience || now - last_ < redraw) return;
  last_ = now;
  drawn_ = true;
  const double share =
      of == 0 ? 0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(of));
  const int filled = static_cast<int>(share * width);
  fmt::print(stderr, "\r\033[K[{:#>{}}{:.>{}}] {:3.0f} %  {}", "", filled, "", width - filled,
             share * 100, what_);
  std::fflush(stderr);
}

} // namespace heirlock::cli
