// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "lab/actor/arena.hpp"

namespace heirlock::lab {

// What the victim is killed in. Contended means: for lock and trylock, somebody else holds the lock when
// the victim calls; for unlock, somebody sleeps on it.
enum class operation {
  lock,
  lock_contended,
  trylock,
  trylock_contended,
  unlock,
  unlock_contended,
};

inline constexpr std::array all_operations = {
    operation::lock,    operation::lock_contended,
    operation::trylock, operation::trylock_contended,
    operation::unlock,  operation::unlock_contended,
};

constexpr std::string_view name_of(operation op) {
  constexpr std::string_view names[] = {"lock",   "lock-contended",  "trylock", "trylock-contended",
                                        "unlock", "unlock-contended"};
  return names[static_cast<unsigned>(op)];
}

constexpr std::optional<operation> operation_named(std::string_view name) {
  for (const operation op : all_operations)
    if (name_of(op) == name) return op;
  return std::nullopt;
}

constexpr bool is_contended(operation op) {
  return op == operation::lock_contended || op == operation::trylock_contended ||
         op == operation::unlock_contended;
}

constexpr subject_call call_of(operation op) {
  switch (op) {
  case operation::lock:
  case operation::lock_contended:
    return subject_call::lock;
  case operation::trylock:
  case operation::trylock_contended:
    return subject_call::trylock;
  case operation::unlock:
  case operation::unlock_contended:
    break;
  }
  return subject_call::unlock;
}

constexpr bool is_release(operation op) {
  return call_of(op) == subject_call::unlock;
}

} // namespace heirlock::lab
