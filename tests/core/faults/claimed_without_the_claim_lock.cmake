# Two processes claim at once, and may take the same seat.
set(FILE src/core/claim.cpp)
set(SOUND [=[  return under_claim_lock(domain, limit, [&]() noexcept {
    if (const int error = join(domain)) return error;]=])
set(FAULTY [=[  const auto without = [](attached_domain&, const sys::deadline* until, auto work) {
    const process_lock inside(until);
    return work();
  };
  return without(domain, limit, [&]() noexcept {
    if (const int error = join(domain)) return error;]=])
set(FOUND_BY test *UnderTheClaimLockOnly*Rmw)
