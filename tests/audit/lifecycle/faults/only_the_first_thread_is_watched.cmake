# SPDX-License-Identifier: Apache-2.0
# The kernel knows of the bells of a process's first thread only: the end of another owner is not reported.
set(FILE src/core/claim.cpp)
set(SOUND [=[  taken.word().fetch_or(FUTEX_WAITERS, std::memory_order_seq_cst);]=])
set(FAULTY [=[  if (sys::thread_id() != getpid()) {
    const std::uint32_t held = taken.word().load();
    pthread_mutex_unlock(&taken.mutex);
    taken.word().store(held);
  }
  taken.word().fetch_or(FUTEX_WAITERS, std::memory_order_seq_cst);]=])
set(FOUND_BY ends *AThreadThatEndsAsTheOwnerIsReportedInAProcessThatLivesOn*rmw)
