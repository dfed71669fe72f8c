# SPDX-License-Identifier: Apache-2.0
# The heir lets go of the lock for a moment to make it consistent.
set(FILE src/core/mutex_ops.cpp)
set(SOUND [=[  mutex->word.fetch_and(~bits::inconsistent, std::memory_order_relaxed);]=])
set(FAULTY [=[  mutex->word.store(bits::word_free);
  mutex->word.store(word & ~bits::inconsistent);]=])
set(FOUND_BY heir lock heir-killed "owner lost")
