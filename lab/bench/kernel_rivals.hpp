// SPDX-License-Identifier: Apache-2.0
// The rivals that live in the kernel: every lock and unlock of them is a system call, and the kernel gives them back
// when a process ends.
#pragma once

namespace heirlock::lab::bench {

// A lock on one byte of a memory file that belongs to an open file description, so each process opens its own.
class ofd_lock {
 public:
  ofd_lock();
  ~ofd_lock();
  ofd_lock(const ofd_lock&) = delete;
  ofd_lock& operator=(const ofd_lock&) = delete;
  void begin_process();
  void lock();
  void unlock();
  void recover() { lock(); }

 private:
  void set(short type) const;
  int file_;
};

// A System V semaphore whose operations are undone at the end of the process that did them. The semaphore outlives
// all processes: the destructor removes it, and only the process that made it runs one.
class sysv_undo {
 public:
  sysv_undo();
  ~sysv_undo();
  sysv_undo(const sysv_undo&) = delete;
  sysv_undo& operator=(const sysv_undo&) = delete;
  void lock();
  void unlock();
  void recover() { lock(); }

 private:
  void add(short amount, short flags) const;
  int semaphore_;
};

} // namespace heirlock::lab::bench
