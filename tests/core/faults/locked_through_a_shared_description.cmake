# A duplicate shares its locks with the descriptor that it was made from, and with every child that inherited that.
set(FILE src/sys/file.cpp)
set(SOUND [=[  return open_file(descriptor_path(descriptor).text, O_RDWR, 0);]=])
set(FAULTY [=[  return result_of(fcntl(descriptor, F_DUPFD_CLOEXEC, 3));]=])
set(FOUND_BY test *UnderTheClaimLockOnly*Rmw)
