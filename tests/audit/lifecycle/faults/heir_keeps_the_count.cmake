# SPDX-License-Identifier: Apache-2.0
# The heir of a recursive lock goes on with the dead owner's count.
set(FILE src/capi/mutex.cpp)
set(SOUND [=[  if (result == 0 || result == EOWNERDEAD) mutex->count_ = 1;]=])
set(FAULTY [=[  if (result == 0 || (result == EOWNERDEAD && mutex->count_ == 0)) mutex->count_ = 1;]=])
set(FOUND_BY recursive lock owner-killed "owner lost")
