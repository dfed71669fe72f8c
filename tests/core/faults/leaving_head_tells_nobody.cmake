# The follower of a head that has left sleeps on.
set(FILE src/core/queue_place.cpp)
set(SOUND [=[    sys::wake_all(domain_.seat_number(seat_number_).bell_for(kind_).word());]=])
set(FAULTY [=[    ticket_ = 0;]=])
set(FOUND_BY test *TheFollowerOfAKilledWaiter*)
