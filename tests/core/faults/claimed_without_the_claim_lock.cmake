# Two processes claim at once, and may take the same seat.
set(FILE src/core/claim.cpp)
set(SOUND [=[  claim_lock alone(domain, limit);
  if (alone.error() != 0) return alone.error();
  if (const int error = join(domain)) return error;]=])
set(FAULTY [=[  if (const int error = join(domain)) return error;]=])
set(FOUND_BY test *UnderTheClaimLockOnly*Rmw)
