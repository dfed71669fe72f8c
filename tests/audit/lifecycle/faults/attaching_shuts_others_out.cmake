# SPDX-License-Identifier: Apache-2.0
# Who attaches makes the domain unrecognisable meanwhile: when it is killed, the next one makes it anew under its users.
set(FILE src/core/domain_open.cpp)
set(SOUND [=[  slot.liveness_pin = nullptr;
  return start_after_reboot(slot, header, details);]=])
set(FAULTY [=[  slot.liveness_pin = nullptr;
  header.magic.store(unfinished_magic);
  const int started = start_after_reboot(slot, header, details);
  header.magic.store(domain_magic);
  return started;]=])
set(FOUND_BY attach lock-contended owner-killed crashed)
