# Who comes after it waits for one that does not wait any more.
set(FILE src/core/queue_place.cpp)
set(SOUND [=[  if (!entered()) return;]=])
set(FAULTY [=[  if (!entered() || predecessor_ != 0) return;]=])
set(FOUND_BY test *AFollowerThatTimesOut*Rmw)
