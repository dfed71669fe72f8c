# A close_range() of the application drops the liveness lock of a living process.
set(FILE src/core/claim_lock.cpp)
set(SOUND [=[    pin = sys::map_pin(descriptor);
    if (pin == nullptr) error = ENOMEM;
  }
  sys::close_file(descriptor);]=])
set(FAULTY [=[    pin = byte == claim_lock_byte ? sys::map_pin(descriptor) : sys::map_wiped_on_fork();
    if (pin == nullptr) error = ENOMEM;
  }
  if (byte == claim_lock_byte) sys::close_file(descriptor);]=])
set(FOUND_BY test *CloseRange*)
