# SPDX-License-Identifier: Apache-2.0
# A forked child goes on with its parent's seat, and with what that owns.
set(FILE src/core/process.cpp)
set(SOUND [=[  forget_seats();
  if (list_of_bells]=])
set(FAULTY [=[  if (list_of_bells]=])
set(FOUND_BY ends *AChildOwnsNothing*rmw)
