# A bell that is unlocked can be claimed while our list_op_pending still points at it.
set(FILE src/core/claim.cpp)
set(SOUND [=[  claim_lock alone(domain, nullptr);
  if (alone.error() != 0) return alone.error();
  seat& left]=])
set(FAULTY [=[  seat& left]=])
set(FOUND_BY test *UnderTheClaimLockOnly*Rmw)
