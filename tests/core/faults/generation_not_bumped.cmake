# A word that the seat's last holder left names the next holder as well.
set(FILE src/core/claim.cpp)
set(SOUND [=[.load(std::memory_order_relaxed) + 1;
  if (generation == 0)]=])
set(FAULTY [=[.load(std::memory_order_relaxed);
  if (generation == 0)]=])
set(FOUND_BY test *AWordOfASeatsLastHolder*Rmw)
