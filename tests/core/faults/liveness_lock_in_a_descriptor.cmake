# A close_range() of the application drops the liveness lock of a living process.
set(FILE src/core/claim_lock.cpp)
set(SOUND [=[  if (error == 0) close_noted(domain, domain.liveness_descriptor);]=])
set(FAULTY [=[  if (error == 0) {
    sys::unmap(domain.liveness_pin, 1);
    domain.liveness_pin = nullptr;
  }]=])
set(FOUND_BY test *CloseRangeInALivingOwner*)
