# SPDX-License-Identifier: Apache-2.0
# The same in a seat that was being given back.
set(FILE src/core/claim.cpp)
set(SOUND [=[    if (sys::is_held(each.word().load(std::memory_order_acquire))) return false;
  return true;]=])
set(FAULTY [=[    if (sys::is_held(each.word().load(std::memory_order_acquire)) ||
        (each.word().load() == 0) != (candidate.bells[0].word().load() == 0))
      return false;
  return true;]=])
set(FOUND_BY leave unlock everybody-is-seated crashed)
