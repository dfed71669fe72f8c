# INCONSISTENT is not looked at: the next one trusts what nobody has repaired.
set(FILE src/core/mutex_ops.cpp)
set(SOUND [=[  const std::uint64_t left = (seen & bits::inconsistent) != 0]=])
set(FAULTY [=[  const std::uint64_t left = (seen & bits::never_set) != 0]=])
set(FOUND_BY test *WhoDoesNotRepair*)
