# A file that a killed maker has left can be made by those alone who want as many seats.
set(FILE src/core/domain_make.cpp)
set(SOUND [=[  const std::size_t size = domain_size(seats_wanted(options));
  if (const int error = -sys::set_size]=])
set(FAULTY [=[  const std::size_t size = domain_size(seats_wanted(options));
  struct stat status {};
  sys::status_of(descriptor, status);
  if (status.st_size != 0 && status.st_size != static_cast<off_t>(size)) return EINVAL;
  if (const int error = -sys::set_size]=])
set(FOUND_BY make-other lock owner-killed crashed)
