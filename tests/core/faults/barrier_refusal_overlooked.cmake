# Asymmetric mode: a barrier that was refused counts as one that was run.
set(FILE src/core/mutex_lock.cpp)
set(SOUND [=[  if (!sys::barrier_everywhere()) unbarred_ = true;]=])
set(FAULTY [=[  static_cast<void>(sys::barrier_everywhere());]=])
set(FOUND_BY test *WhereBarriersAreRefusedLater*)
