# Asymmetric mode: the release may still be on its way when the owner has looked at the flag.
set(FILE src/core/mutex_lock.cpp)
set(SOUND [=[  if (!sys::barrier_everywhere()) unbarred_ = true;]=])
set(FAULTY [=[  std::atomic_signal_fence(std::memory_order_seq_cst);]=])
set(FOUND_BY test *ThenRunsTheBarrier*)
