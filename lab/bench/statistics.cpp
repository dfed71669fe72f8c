// SPDX-License-Identifier: Apache-2.0
#include "lab/bench/statistics.hpp"

#include <algorithm>

namespace heirlock::lab::bench {

spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  const auto at = [&](std::size_t quarters) { return values[(values.size() - 1) * quarters / 4]; };
  return {at(2), at(1), at(3), values.front(), values.back(), values.size()};
}

spread ratio_of(const std::vector<double>& values, const std::vector<double>& base) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < values.size() && i < base.size(); ++i)
    ratios.push_back(values[i] / base[i]);
  return spread_of(ratios);
}

} // namespace heirlock::lab::bench
