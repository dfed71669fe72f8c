# A place of the next holder passes for one of the dead.
set(FILE src/core/claim.cpp)
set(SOUND [=[  taken.process.store(domain.process, std::memory_order_relaxed);]=])
set(FAULTY [=[  taken.process.store(domain.process, std::memory_order_relaxed);
  for (auto& sequence : taken.sequence) sequence.store(0);]=])
set(FOUND_BY test *AFollowerOfTheDead*Rmw)
