# A dead owner's mutex is taken as if it had been free.
set(FILE src/core/mutex_lock.cpp)
set(SOUND [=[return own(EOWNERDEAD);]=])
set(FAULTY [=[return own(0);]=])
set(FOUND_BY test *TheNextOneIsToldOfADeath*Rmw)
