# Queueing again destroys what the last follower still has to read.
set(FILE src/core/seat.hpp)
set(SOUND [=[ring_size = 32;]=])
set(FAULTY [=[ring_size = 1;]=])
set(FOUND_BY test *AFollowerThatLooksLate*Rmw)
