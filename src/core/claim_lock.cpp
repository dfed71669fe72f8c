// SPDX-License-Identifier: Apache-2.0
#include "src/core/claim_lock.hpp"

#include "src/sys/file.hpp"

#include <cerrno>

// A lock belongs to the description, and a description lives as long as any copy of its descriptor or mapping. fork()
// is held off meanwhile (process lock), but not _Fork or a raw clone by another thread: its child then has a copy.
//   L1  open the file anew, and note the descriptor    L2  lock the byte    L3  map a page of it, not for children
//   The process's own byte:  L4  close the descriptor; never unlocked, so that it ends with the last copy
//   The claim lock:          U1  unlock    U2  close the descriptor    U3  unmap
// U1, because a copy would keep the lock for as long as the child lives. It takes nothing from others: the description
// is this claim's alone, it holds no other lock, and nobody runs U1 in the child, whose one thread is not the claimer.
// Killed before U1, the kernel unlocks, unless a child has a copy; a child that goes on to use the library closes it.
namespace heirlock::core {
namespace {

void close_noted(attached_domain& domain, int& noted) noexcept {
  if (is_file_of(domain, noted)) sys::close_file(noted);
  noted = -1; // a child that is made before finds no such file under the number
}

// L1 to L3. An errno value, and nothing is left; or 0.
int lock_anew(attached_domain& domain, std::int64_t byte, int& noted, void*& pin) noexcept {
  const int descriptor = open_anew(domain);
  if (descriptor < 0) return -descriptor;
  noted = descriptor;
  int error = -sys::lock_byte(descriptor, byte);
  if (error == 0) {
    pin = sys::map_pin(descriptor);
    if (pin == nullptr) error = ENOMEM;
  }
  // The application may have closed it before L3, and the lock with it.
  const bool is_ours = is_file_of(domain, descriptor);
  if (error == 0 && is_ours) return 0;
  if (pin != nullptr) sys::unmap(pin, 1);
  pin = nullptr;
  if (is_ours) sys::unlock_byte(descriptor, byte);
  close_noted(domain, noted);
  return is_ours ? error : sys::taken; // once more
}

} // namespace

claim_lock::claim_lock(attached_domain& domain) noexcept
    : domain_(domain), error_(lock_anew(domain, claim_lock_byte, domain.claim_descriptor, pin_)) {}

claim_lock::~claim_lock() {
  if (error_ != 0) return;
  // Where the application has closed the descriptor, U3 is what unlocks.
  if (is_file_of(domain_, domain_.claim_descriptor))
    sys::unlock_byte(domain_.claim_descriptor, claim_lock_byte);
  close_noted(domain_, domain_.claim_descriptor);
  sys::unmap(pin_, 1);
}

bool claim_wait::sleep_until_free(int descriptor) noexcept {
  struct stat opened {
  }, now{};
  if (descriptor < 0 || sys::status_of(descriptor, opened) != 0) return false;
  const bool slept = sys::wait_for_byte(descriptor, claim_lock_byte) == 0;
  // It may have been long: the number may stand for another file by now.
  if (sys::status_of(descriptor, now) == 0 && now.st_dev == opened.st_dev &&
      now.st_ino == opened.st_ino)
    sys::close_file(descriptor);
  return slept;
}

int lock_for_life(attached_domain& domain, std::int64_t byte) noexcept {
  const int error = lock_anew(domain, byte, domain.liveness_descriptor, domain.liveness_pin);
  if (error == 0) close_noted(domain, domain.liveness_descriptor);
  return error;
}

void close_inherited_locks(attached_domain& domain) noexcept {
  close_noted(domain, domain.claim_descriptor);
  close_noted(domain, domain.liveness_descriptor);
}

} // namespace heirlock::core
