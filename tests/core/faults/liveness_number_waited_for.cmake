# A number that has come round again is waited for, under the claim lock, until its process ends.
set(FILE src/core/claim.cpp)
set(SOUND [=[    error = lock_for_life(domain, liveness_bytes + number);]=])
set(FAULTY [=[    do
      error = lock_for_life(domain, liveness_bytes + number);
    while (error == sys::taken);]=])
set(FOUND_BY test *ANumberOfALivingProcess*)
