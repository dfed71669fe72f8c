# No watcher chain: the kernel's one wake can go to the watcher that is killed next.
set(FILE src/core/mutex_lock.cpp)
set(SOUND [=[    const bool first = !watch_.find_predecessor(before);]=])
set(FAULTY [=[    const bool first = !watch_.find_predecessor(before) || true;]=])
set(FOUND_BY test *OfTwoWatchersTheSecondIsServedWhenTheFirstIsKilledAtItsWake*Rmw)
