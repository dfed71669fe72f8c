# Equal seats of two domains become one owner.
set(FILE src/core/mutex_ops.cpp)
set(SOUND [=[  if (mutex->domain_id.load(std::memory_order_relaxed) != self.domain_id) {]=])
set(FAULTY [=[  if (self.domain_id == bits::no_domain) {]=])
set(FOUND_BY test *EqualSeats*)
