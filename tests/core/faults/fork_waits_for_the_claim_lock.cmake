# fork() and claims in other domains wait for whoever has the claim lock of one.
set(FILE src/core/claim.cpp)
set(SOUND [=[      if (alone.error() != sys::taken) return alone.error();
    }
    if (!turn.wait([&]() noexcept { return open_anew(domain); })) return ETIMEDOUT;]=])
set(FAULTY [=[      if (alone.error() != sys::taken) return alone.error();
      if (!turn.wait([&]() noexcept { return open_anew(domain); })) return ETIMEDOUT;
    }]=])
set(FOUND_BY test *AClaimThatHasToWait*)
