// SPDX-License-Identifier: Apache-2.0
#include "src/sys/robust_word.hpp"

#include <cstddef>
#include <sys/syscall.h>
#include <unistd.h>

namespace heirlock::sys {

void init_robust(pthread_mutex_t& mutex) noexcept {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&mutex, &attributes);
  pthread_mutexattr_destroy(&attributes);
}

robust_list_head* robust_list_of_thread() noexcept {
  robust_list_head* list = nullptr;
  std::size_t size = 0;
  if (syscall(SYS_get_robust_list, 0, &list, &size) != 0 || size != sizeof *list) return nullptr;
  return list;
}

void restart_robust_list(robust_list_head& list) noexcept {
  list.list.next = &list.list;
  list.list_op_pending = nullptr;
  syscall(SYS_set_robust_list, &list, sizeof list);
}

} // namespace heirlock::sys
