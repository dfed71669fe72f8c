# The wake after a release needs the mutex, which may be gone.
set(FILE src/core/mutex_ops.cpp)
set(SOUND [=[  if (ring) heirlock_ring_bell(number);]=])
set(FAULTY [=[  if (ring) {
    self.bells = reinterpret_cast<unsigned char*>(&mutex) - number * bits::bell_stride;
    heirlock_ring_bell(number);
  }]=])
set(FOUND_BY test *AReleaseStillWakes*Rmw)
