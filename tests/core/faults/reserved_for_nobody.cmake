# A release that a starving head asked for leaves a word that no head takes.
set(FILE src/core/mutex_lock.cpp)
set(SOUND [=[    if (is_free(word)) {
      if (take(word)) return own(0);]=])
set(FAULTY [=[    if (is_free(word)) {
      if (word == bits::word_free && take(word)) return own(0);]=])
set(FOUND_BY test *AHeadThatSleptInVain*Rmw)
