# An unlock of a word that a stranger has overwritten gives the queue's bell to the next lock.
set(FILE include/heirlock/detail/lock_word.hpp)
set(SOUND [=[  return std::uint32_t{1} << bell & all_lock_bells;]=])
set(FAULTY [=[  return std::uint32_t{1} << bell;]=])
set(FOUND_BY test *AnUnlockOfAWordWithTheOwnersSeat*Rmw)
