# A child keeps the locks of its dead parent, and waits for them.
set(FILE src/core/process.cpp)
set(SOUND [=[    close_inherited_locks(domain);]=])
set(FAULTY [=[]=])
set(FOUND_BY test *AChildOfOneThatWasKilledInAClaim*)
