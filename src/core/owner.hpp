// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "src/core/domain.hpp"

#include <heirlock/detail/lock_word.hpp>

namespace heirlock::core {

inline bool is_free(std::uint64_t word) noexcept {
  return word == detail::word_free || word == detail::word_reserved;
}

// The owner that an owned word names, looked up in the table once.
class owner {
 public:
  // The word must have been loaded with acquire (sync seated), and be well formed.
  owner(attached_domain& domain, std::uint64_t word) noexcept
      : seat_(&domain.seat_number(detail::seat_of(word))),
        bell_(&seat_->bells[detail::bell_of(word)]), generation_(detail::generation_of(word)) {
    // Bell first, generation second. If the generation is still the word's, then the bell's value belongs to
    // that generation, because a claim changes the generation before it locks the bells again: held means
    // that the owner lives. The other way round, a bell that the next holder has locked would be taken for
    // the sign of life of the last one.
    // sync death, sync generation: what the dead did comes before what its heir does.
    bell_value_ = bell_->word().load(std::memory_order_acquire);
    current_generation_ = seat_->generation.load(std::memory_order_acquire);
  }

  static bool well_formed(const attached_domain& domain, std::uint64_t word) noexcept {
    const std::uint32_t number = detail::seat_of(word);
    const std::uint32_t bell = detail::bell_of(word);
    return (word & detail::never_set) == 0 && number >= 1 && number <= domain.seat_count &&
           bell >= detail::first_lock_bell && bell <= detail::shared_lock_bell;
  }

  bool dead() const noexcept {
    return current_generation_ != generation_ || !sys::is_held(bell_value_);
  }
  // Has it died, or detached, since the look?
  bool died_since() const noexcept {
    return bell_->word().load(std::memory_order_acquire) != bell_value_ ||
           seat_->generation.load(std::memory_order_acquire) != generation_;
  }

  seat& holder() const noexcept { return *seat_; }
  bell& rings() const noexcept { return *bell_; }
  std::uint32_t bell_value() const noexcept { return bell_value_; }
  std::uint32_t generation() const noexcept { return generation_; }

 private:
  seat* seat_;
  bell* bell_;
  std::uint32_t generation_;
  std::uint32_t bell_value_ = 0;
  std::uint32_t current_generation_ = 0;
};

} // namespace heirlock::core
