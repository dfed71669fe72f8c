# A child keeps its dead parent's liveness lock.
set(FILE src/sys/file.cpp)
set(SOUND [=[  madvise(address, page_size, MADV_DONTFORK);]=])
set(FAULTY [=[  madvise(address, page_size, MADV_NORMAL);]=])
set(FOUND_BY test *AChildOfTheOwner*Rmw)
