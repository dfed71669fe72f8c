// SPDX-License-Identifier: Apache-2.0
#include "lab/race/series.hpp"

#include <stdexcept>

namespace heirlock::lab::race {

series::series(const limits& bounds, const progress& report)
    : bounds_(bounds), report_(report), begin_(clock::now()) {
  if (!(bounds.seconds > 0)) throw std::invalid_argument("the number of seconds must be positive");
  if (bounds.max_attempts == 0)
    throw std::invalid_argument("the number of attempts must be positive");
}

bool series::wants_more() const {
  const std::chrono::duration<double> spent = clock::now() - begin_;
  return !stopped_ && result_.attempts < bounds_.max_attempts && spent.count() < bounds_.seconds;
}

void series::add(const evidence& found) {
  ++result_.attempts;
  if (found.reused) ++result_.reused;
  if (found.found == finding::corrupted) {
    ++result_.hits;
    if (!result_.first) result_.first = found.seen;
  } else if (found.found == finding::unexplained) {
    ++result_.unexplained;
  }
  result_.seconds = std::chrono::duration<double>(clock::now() - begin_).count();
  if (report_ && !report_(result_)) stopped_ = true;
}

} // namespace heirlock::lab::race
