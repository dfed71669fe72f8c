# The place of a closed default domain is taken by another one, which passes for the default from then on.
set(FILE src/core/domain.cpp)
set(SOUND [=[ &&
                     domain.id == static_cast<std::uint32_t>(known);]=])
set(FAULTY [=[;]=])
set(FOUND_BY test *OnceClosedIsFoundAgain*)
