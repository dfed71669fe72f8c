# A bell that the seat's next holder has locked passes for the sign of life of the last one.
set(FILE src/core/owner.hpp)
set(SOUND [=[    bell_value_ = bell_->word().load(std::memory_order_acquire);
    current_generation_ = seat_->generation.load(std::memory_order_acquire);]=])
set(FAULTY [=[    bell_value_ = bell_->word().load(std::memory_order_acquire);
    current_generation_ = generation_;]=])
set(FOUND_BY test *AWordOfASeatsLastHolder*Rmw)
