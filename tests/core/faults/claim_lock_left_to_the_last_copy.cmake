# The claim lock ends with the last copy of its descriptor, which a child may have.
set(FILE src/core/claim_lock.cpp)
set(SOUND [=[    sys::unlock_byte(domain_.claim_descriptor, claim_lock_byte);]=])
set(FAULTY [=[    sys::byte_is_locked(domain_.claim_descriptor, claim_lock_byte);]=])
set(FOUND_BY test *DoesNotKeepTheClaimLock*)
