// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/mman.h>

#include <new>
#include <utility>

#include "lab/process/trouble.hpp"

namespace heirlock::lab::bench {

// An object in memory that child processes share. The maker destroys it.
template <class T>
class shared_object {
 public:
  template <class... Arguments>
  explicit shared_object(Arguments&&... arguments)
      : memory_(
            mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (memory_ == MAP_FAILED) throw_errno("mapping memory for a measurement");
    try {
      object_ = new (memory_) T(std::forward<Arguments>(arguments)...);
    } catch (...) {
      munmap(memory_, sizeof(T));
      throw;
    }
  }
  ~shared_object() {
    object_->~T();
    munmap(memory_, sizeof(T));
  }
  shared_object(const shared_object&) = delete;
  shared_object& operator=(const shared_object&) = delete;
  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }

 private:
  void* memory_;
  T* object_ = nullptr;
};

} // namespace heirlock::lab::bench
