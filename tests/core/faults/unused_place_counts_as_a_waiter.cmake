# A tail that was overwritten with the name of a place that was never used strands who follows it.
set(FILE src/core/queue_place.cpp)
set(SOUND [=[ || state_of(state) == place_state::unused) break;]=])
set(FAULTY [=[) break;]=])
set(FOUND_BY test *AnyScribbledTail*Rmw)
