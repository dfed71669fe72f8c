# A number that has come round again is waited for, under the claim lock, until its process ends.
set(FILE src/core/claim.cpp)
set(SOUND [=[liveness_bytes + number, &at_once, error);]=])
set(FAULTY [=[liveness_bytes + number, domain.process == ~0u ? &at_once : nullptr, error);]=])
set(FOUND_BY test *ANumberOfALivingProcess*)
