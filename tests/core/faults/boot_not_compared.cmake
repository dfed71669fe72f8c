# The seats of an earlier boot look alive.
set(FILE src/core/domain_check.cpp)
set(SOUND [=[    mark_dead(domain.seat_number(number));]=])
set(FAULTY [=[    domain.seat_number(number).generation.load();]=])
set(FOUND_BY test *SeatsOfAnEarlierBoot*)
