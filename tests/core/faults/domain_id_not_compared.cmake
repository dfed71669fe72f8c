# Equal seats of two domains become one owner.
set(FILE include/heirlock/detail/fast_path.hpp)
set(SOUND [=[mutex.domain_id.load(std::memory_order_relaxed) != self.domain_id ||]=])
set(FAULTY [=[self.domain_id == no_domain ||]=])
set(FOUND_BY test *EqualSeats*)
