# A follower takes a dead predecessor for one that waits.
set(FILE src/core/queue_place.cpp)
set(SOUND [=[    if (!sys::is_held(bell_value) || state_of(state) == place_state::gave_up) {]=])
set(FAULTY [=[    if (state_of(state) == place_state::gave_up) {]=])
set(FOUND_BY test *HeirTest*LockRmw)
