// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

namespace heirlock::lab::bench {

// What is told of a series of samples: its middle, and how far it spreads.
struct spread {
  double median = 0, lower_quartile = 0, upper_quartile = 0, least = 0, most = 0;
  std::size_t samples = 0;
};

spread spread_of(std::vector<double> values);

// Sample by sample, which were taken one after the other: what else the machine did meets both alike.
spread ratio_of(const std::vector<double>& values, const std::vector<double>& base);

} // namespace heirlock::lab::bench
