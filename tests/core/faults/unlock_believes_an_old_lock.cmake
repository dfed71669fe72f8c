# A detach does not end what the fast release remembers: it releases what another thread has inherited.
set(FILE src/core/claim.cpp)
set(SOUND [=[  heirlock_self.domain_id = detail::no_domain;
  heirlock_self.held = nullptr;]=])
set(FAULTY [=[  heirlock_self.domain_id = detail::no_domain;]=])
set(FOUND_BY test *DetachingWithTheMutex*)
