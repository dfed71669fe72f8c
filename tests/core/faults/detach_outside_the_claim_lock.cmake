# A bell that is unlocked can be claimed while our list_op_pending still points at it.
set(FILE src/core/claim.cpp)
set(SOUND [=[  return under_claim_lock(domain, nullptr, [&]() noexcept { return give_back(domain); });]=])
set(FAULTY [=[  const process_lock inside;
  return give_back(domain);]=])
set(FOUND_BY test *UnderTheClaimLockOnly*Rmw)
