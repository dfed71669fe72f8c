# Who gives up in the middle of the queue keeps its place for ever.
set(FILE src/core/mutex_lock.cpp)
set(SOUND [=[    queue_.leave();
    return result;]=])
set(FAULTY [=[    if (result != ETIMEDOUT) queue_.leave();
    return result;]=])
set(FOUND_BY storm --kills 8000 --timed --processes 6)
