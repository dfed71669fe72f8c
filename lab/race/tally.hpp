// SPDX-License-Identifier: Apache-2.0
// The result of a series of kills, and what may be concluded from it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace heirlock::lab::race {

// A 64-bit word of reused memory before and after the death of the victim, as the discussion prints it.
struct corruption {
  std::uint64_t before = 0;
  std::uint64_t after = 0;
};

// The line that shows it: "Memory was corrupted by the kernel: BEFORE vs AFTER".
[[nodiscard]] std::string to_string(const corruption& seen);

struct interval {
  double low = 0;
  double high = 1;
};

struct tally {
  std::uint64_t attempts = 0; // runs in which a victim was killed
  // Of these, runs in which memory had been reused by the time the victim was reaped: without, no hit is
  // possible.
  std::uint64_t reused = 0;
  std::uint64_t hits = 0; // of these, runs in which the kernel wrote into reused memory
  // Runs in which reused memory changed in a way that is not the kernel's: no hits, and never expected.
  std::uint64_t unexplained = 0;
  // Of a widened series: the moments at which the victim stalled at a store to its list's head, killed there or let go.
  std::uint64_t stalls = 0;
  double seconds = 0;              // wall clock of the whole series
  std::optional<corruption> first; // of the first hit
  std::string what;                // what was done, in words, for people

  // hits / attempts; 0 when nothing was attempted.
  [[nodiscard]] double rate() const;
  // 95 % Clopper-Pearson (exact) interval of rate(); [0, 1] when nothing was attempted.
  [[nodiscard]] interval rate_interval() const;
  [[nodiscard]] double hits_per_second() const;
};

// Exact interval of a proportion: C. J. Clopper, E. S. Pearson, Biometrika 26 (1934) 404-413. It never
// covers less than `confidence`, also with 0 hits, where it gives the upper bound that a series without
// a hit allows. Throws std::invalid_argument when hits > attempts or confidence is outside (0, 1).
[[nodiscard]] interval clopper_pearson(std::uint64_t hits, std::uint64_t attempts,
                                       double confidence = 0.95);

struct odds_ratio {
  double value = 1;
  interval bounds; // 95 %
  // A cell of the 2x2 table was 0, so 1/2 was added to all four cells.
  bool corrected = false;
};

// Odds of `raised` over the odds of `base`, with the interval of B. Woolf (Annals of Human Genetics 19,
// 1955, 251-253); where a cell is 0, with the correction of J. B. S. Haldane and F. J. Anscombe (1956).
// nullopt when either series attempted nothing: then there are no odds.
[[nodiscard]] std::optional<odds_ratio> compare(const tally& raised, const tally& base);

// The same for each stall of `raised` in the place of each kill: nullopt also when there was no stall. A widened series
// kills only where its victim stalls in the window and lets every other stall go, so that nearly all its kills
// hit by construction; a stall is, as a kill of `base` is, a moment at which the victim was found somewhere.
[[nodiscard]] std::optional<odds_ratio> compare_per_stall(const tally& raised, const tally& base);

// What a widened series yields beside a natural one of the same program, in one sentence: hits per second of both, and
// of how many kills. A widened kill is dearer than a natural one, so that higher odds need not mean more hits in a second.
[[nodiscard]] std::string yields(const tally& raised, const tally& base);

// What each of them says, in one sentence.
inline constexpr const char* meaning_of_odds_per_kill =
    "the odds that a widened kill corrupts memory, over those of a natural kill: large by "
    "construction, since a stall outside the window is not killed but let go";
inline constexpr const char* meaning_of_odds_per_stall =
    "the odds that a stall of the victim, killed or let go, ends in corrupted memory, over those "
    "of a natural kill: what the widening itself gains";

// "12 of 300 kills corrupted memory: 4.00 % (95 % interval 2.08 to 6.88 %, Clopper-Pearson), ..."
[[nodiscard]] std::string summary(const tally& result);
[[nodiscard]] std::string summary(const odds_ratio& ratio);

} // namespace heirlock::lab::race
