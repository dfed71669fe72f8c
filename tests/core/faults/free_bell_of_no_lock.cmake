# An unlock of a word that a stranger has overwritten gives the queue's bell to the next lock.
set(FILE src/core/mutex_ops.cpp)
set(SOUND [=[  if (bits::bell_of(seen) < bits::first_lock_bell) return EINVAL;]=])
set(FAULTY [=[]=])
set(FOUND_BY test *AnUnlockOfAWordWithTheOwnersSeat*Rmw)
