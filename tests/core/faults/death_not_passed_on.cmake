# No relay: of two who sleep on a bell the kernel wakes one, and that one keeps it to itself.
set(FILE src/core/mutex_lock.cpp)
set(SOUND [=[    if (now.died_since() && sys::wake_all(rings.flag) > 0)]=])
set(FAULTY [=[    if (now.died_since() && rings.flag.load() == ~0u)]=])
set(FOUND_BY test *ADeathIsPassedOn*Rmw)
