# Asymmetric mode: a flag that was cleared and set again looks untouched.
set(FILE src/core/mutex_lock.cpp)
set(SOUND [=[own_seat.flag_values.fetch_add(1, std::memory_order_relaxed) + 1);]=])
set(FAULTY [=[own_seat.flag_values.load(std::memory_order_relaxed) + 1);]=])
set(FOUND_BY test *AFlagValueIsNeverUsedTwice*)
