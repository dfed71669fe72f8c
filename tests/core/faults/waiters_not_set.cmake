# RMW mode: the owner does not know that somebody sleeps.
set(FILE src/core/mutex_lock.cpp)
set(SOUND [=[domain_.asymmetric ? 0 : bits::waiters;]=])
set(FAULTY [=[0;]=])
set(FOUND_BY test *AWaiterThatTimesOut*Rmw)
