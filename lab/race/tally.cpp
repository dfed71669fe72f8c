// SPDX-License-Identifier: Apache-2.0
#include "lab/race/tally.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>

#include <fmt/format.h>

namespace heirlock::lab::race {
namespace {

constexpr double normal_quantile_975 = 1.959963984540054;

// std::lgamma may write the global signgam, which would be a data race between threads.
double log_gamma(double x) {
  int sign = 0;
  return ::lgamma_r(x, &sign);
}

// The continued fraction of the incomplete beta function (DLMF 8.17.22), evaluated from the front by
// the modified Lentz method. Converges fast for x < (a + 1) / (a + b + 2); the caller sees to that.
double beta_fraction(double a, double b, double x) {
  constexpr double tiny = 1e-300;
  constexpr int terms = 100000; // about sqrt(max(a, b)) are needed
  const auto away_from_zero = [](double v) { return std::fabs(v) < tiny ? tiny : v; };
  double c = 1;
  double d = 1 / away_from_zero(1 - (a + b) * x / (a + 1));
  double value = d;
  for (int i = 1; i <= terms; ++i) {
    const double m = i;
    const std::array<double, 2> coefficients = {m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                                                -(a + m) * (a + b + m) * x /
                                                    ((a + 2 * m) * (a + 2 * m + 1))};
    double step = 1;
    for (const double coefficient : coefficients) {
      d = 1 / away_from_zero(1 + coefficient * d);
      c = away_from_zero(1 + coefficient / c);
      step = c * d;
      value *= step;
    }
    if (std::fabs(step - 1) < std::numeric_limits<double>::epsilon()) break;
  }
  return value;
}

// Regularised incomplete beta function I_x(a, b).
double incomplete_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front = std::exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * std::log(x) +
                                b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
  return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

// Bisection: I_x is monotonous, and 200 halvings reach every double in (0, 1) that matters here.
double beta_quantile(double probability, double a, double b) {
  double low = 0;
  double high = 1;
  for (int i = 0; i < 200; ++i) {
    const double middle = (low + high) / 2;
    (incomplete_beta(a, b, middle) < probability ? low : high) = middle;
  }
  return (low + high) / 2;
}

std::string percent(double fraction) {
  const double p = fraction * 100;
  return p != 0 && p < 0.1 ? fmt::format("{:.2g}", p) : fmt::format("{:.2f}", p);
}

} // namespace

std::string to_string(const corruption& seen) {
  return fmt::format("Memory was corrupted by the kernel: {:016x} vs {:016x}", seen.before,
                     seen.after);
}

interval clopper_pearson(std::uint64_t hits, std::uint64_t attempts, double confidence) {
  if (hits > attempts) throw std::invalid_argument("clopper_pearson: more hits than attempts");
  if (!(confidence > 0 && confidence < 1))
    throw std::invalid_argument("clopper_pearson: the confidence must lie between 0 and 1");
  if (attempts == 0) return {0, 1};
  const double tail = (1 - confidence) / 2;
  const auto x = static_cast<double>(hits);
  const auto n = static_cast<double>(attempts);
  return {hits == 0 ? 0 : beta_quantile(tail, x, n - x + 1),
          hits == attempts ? 1 : beta_quantile(1 - tail, x + 1, n - x)};
}

double tally::rate() const {
  return attempts == 0 ? 0 : static_cast<double>(hits) / static_cast<double>(attempts);
}

interval tally::rate_interval() const {
  return clopper_pearson(hits, attempts);
}

double tally::hits_per_second() const {
  return seconds > 0 ? static_cast<double>(hits) / seconds : 0;
}

std::optional<odds_ratio> compare(const tally& raised, const tally& base) {
  if (raised.attempts == 0 || base.attempts == 0) return std::nullopt;
  auto a = static_cast<double>(raised.hits);
  auto b = static_cast<double>(raised.attempts - raised.hits);
  auto c = static_cast<double>(base.hits);
  auto d = static_cast<double>(base.attempts - base.hits);
  odds_ratio result;
  result.corrected = a == 0 || b == 0 || c == 0 || d == 0;
  if (result.corrected) {
    for (double* cell : {&a, &b, &c, &d})
      *cell += 0.5;
  }
  const double log_ratio = std::log(a) + std::log(d) - std::log(b) - std::log(c);
  const double half = normal_quantile_975 * std::sqrt(1 / a + 1 / b + 1 / c + 1 / d);
  result.value = std::exp(log_ratio);
  result.bounds = {std::exp(log_ratio - half), std::exp(log_ratio + half)};
  return result;
}

std::optional<odds_ratio> compare_per_stall(const tally& raised, const tally& base) {
  if (raised.stalls == 0) return std::nullopt;
  tally each_stall = raised;
  each_stall.attempts = raised.stalls;
  return compare(each_stall, base);
}

std::string summary(const tally& result) {
  if (result.attempts == 0) return "no victim was killed, so nothing can be said";
  const interval bounds = result.rate_interval();
  if (result.hits == 0)
    return fmt::format(
        "no hit in {} kills ({:.1f} s): with 95 % confidence fewer than {} % of such "
        "kills corrupt memory (Clopper-Pearson)",
        result.attempts, result.seconds, percent(bounds.high));
  return fmt::format("{} of {} kills corrupted memory: {} % (95 % interval {} to {} %, "
                     "Clopper-Pearson), {:.1f} hits per second",
                     result.hits, result.attempts, percent(result.rate()), percent(bounds.low),
                     percent(bounds.high), result.hits_per_second());
}

std::string yields(const tally& raised, const tally& base) {
  const auto of_kills = [](const tally& t) {
    return fmt::format("{:.1f} hits (of {:.1f} kills, {} % of which hit)", t.hits_per_second(),
                       t.seconds > 0 ? static_cast<double>(t.attempts) / t.seconds : 0,
                       percent(t.rate()));
  };
  std::string both = fmt::format("widened {}, natural {}", of_kills(raised), of_kills(base));
  if (raised.hits_per_second() >= base.hits_per_second() || raised.rate() <= base.rate())
    return both;
  return both + ": each widened trial is dearer, and --widen raises the odds of a trial, not the "
                "number of hits";
}

std::string summary(const odds_ratio& ratio) {
  return fmt::format("odds ratio {:.3g} (95 % interval {:.3g} to {:.3g}{})", ratio.value,
                     ratio.bounds.low, ratio.bounds.high,
                     ratio.corrected
                         ? "; a cell was 0, so 1/2 was added to each: Haldane-Anscombe correction"
                         : "");
}

} // namespace heirlock::lab::race
