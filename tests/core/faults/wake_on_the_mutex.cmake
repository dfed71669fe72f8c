# The wake after a release needs the mutex, which may be gone.
set(FILE include/heirlock/detail/fast_path.hpp)
set(SOUND [=[    if (__builtin_expect((seen & waiters) != 0, 0)) return heirlock_ring_bell(bell);]=])
set(FAULTY [=[    if (__builtin_expect((seen & waiters) != 0, 0)) {
      unsigned char* const kept = self.bells;
      self.bells = reinterpret_cast<unsigned char*>(&mutex);
      heirlock_ring_bell(0);
      self.bells = kept;
    }]=])
set(FOUND_BY test *AReleaseStillWakes*Rmw)
