// SPDX-License-Identifier: Apache-2.0
#include "lab/bench/kernel_rivals.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "lab/process/trouble.hpp"

namespace heirlock::lab::bench {

ofd_lock::ofd_lock() : file_(memfd_create("heirlock-bench", MFD_CLOEXEC)) {
  if (file_ < 0) throw_errno("making a memory file for the file lock");
}

ofd_lock::~ofd_lock() {
  close(file_);
}

void ofd_lock::begin_process() {
  const int own = open(fmt::format("/proc/self/fd/{}", file_).c_str(), O_RDWR | O_CLOEXEC);
  if (own < 0) throw_errno("opening the file lock's file again");
  close(file_);
  file_ = own;
}

void ofd_lock::set(short type) const {
  struct flock whole = {};
  whole.l_type = type;
  whole.l_whence = SEEK_SET;
  whole.l_len = 1;
  while (fcntl(file_, F_OFD_SETLKW, &whole) != 0)
    if (errno != EINTR) std::abort();
}

void ofd_lock::lock() {
  set(F_WRLCK);
}

void ofd_lock::unlock() {
  set(F_UNLCK);
}

sysv_undo::sysv_undo() : semaphore_(semget(IPC_PRIVATE, 1, 0600)) {
  if (semaphore_ < 0) throw_errno("making a System V semaphore");
  add(1, 0); // without SEM_UNDO: it is there for all, whoever ends
}

sysv_undo::~sysv_undo() {
  semctl(semaphore_, 0, IPC_RMID);
}

void sysv_undo::add(short amount, short flags) const {
  sembuf operation = {0, amount, flags};
  while (semop(semaphore_, &operation, 1) != 0)
    if (errno != EINTR) std::abort();
}

void sysv_undo::lock() {
  add(-1, SEM_UNDO);
}

void sysv_undo::unlock() {
  add(1, SEM_UNDO);
}

} // namespace heirlock::lab::bench
