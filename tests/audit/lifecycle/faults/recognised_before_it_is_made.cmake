# SPDX-License-Identifier: Apache-2.0
# A domain is recognised before its bells are there.
set(FILE src/core/domain_make.cpp)
set(SOUND [=[  int error = random_id(header.id);]=])
set(FAULTY [=[  header.magic.store(domain_magic, std::memory_order_release);
  int error = random_id(header.id);]=])
set(FOUND_BY make lock owner-killed crashed)
