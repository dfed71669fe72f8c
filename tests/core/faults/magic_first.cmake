# A domain is recognised before it is made.
set(FILE src/core/domain_make.cpp)
set(SOUND [=[  header.version = layout_version;]=])
set(FAULTY [=[  header.magic.store(domain_magic, std::memory_order_release);
  header.version = layout_version;]=])
set(FOUND_BY test *AMakerThatIsKilledInAGivenFileAsItBecomesRecognisable*)
