// SPDX-License-Identifier: Apache-2.0
#include "src/core/domain_make.hpp"

#include "src/core/domain_open.hpp"
#include "src/sys/file.hpp"
#include "src/sys/robust_word.hpp"

#include <cerrno>
#include <cstring>

namespace heirlock::core {
namespace {

constexpr std::uint32_t default_backstop_ms = 1000;

int random_id(std::uint32_t& id) noexcept {
  do {
    if (const int error = sys::random_bytes(&id, sizeof id); error < 0) return error;
  } while (id == 0);
  return 0;
}

std::uint32_t seats_wanted(const heirlock_domain_options_t& options) noexcept {
  return options.threads != 0 ? options.threads : default_seats;
}

// Fills a file of zeroes. The magic comes last.
int fill(const heirlock_domain_options_t& options, int descriptor,
         heirlock_error_t& details) noexcept {
  const std::uint32_t seats = seats_wanted(options);
  const std::size_t size = domain_size(seats);
  // Allocated, not merely sized: on a full file system a hole would be a SIGBUS in somebody's lock().
  if (const int error = sys::allocate(descriptor, size); error < 0)
    return refuse(details, -error, "cannot allocate %zu bytes for the domain: %s", size,
                  strerror(-error));
  void* address = sys::map_shared(descriptor, size);
  if (address == nullptr)
    return refuse(details, errno, "cannot map the new domain: %s", strerror(errno));
  memset(address, 0, size); // a maker before us may have been killed half-way
  auto& header = *static_cast<domain_header*>(address);
  header.version = layout_version;
  header.seat_count = seats;
  header.seat_size = sizeof(seat);
  header.pointer_size = sizeof(void*);
  header.libc = sys::libc_kind;
  header.libc_lock_word_offset = sys::libc_lock_word_offset;
  header.asymmetric = options.unlock_mode == HEIRLOCK_UNLOCK_ASYMMETRIC;
  header.backstop_ms =
      (options.flags & HEIRLOCK_DOMAIN_BACKSTOP) != 0 ? options.backstop_ms : default_backstop_ms;
  int error = random_id(header.id);
  if (error == 0) error = -read_boot_id(header.boot_id);
  if (error == 0) {
    auto* seats_begin = reinterpret_cast<seat*>(static_cast<unsigned char*>(address) + header_size);
    for (std::uint32_t i = 0; i < seats; ++i)
      for (bell& each : seats_begin[i].bells)
        sys::init_robust(each.mutex);
    // sync made
    header.magic.store(domain_magic, std::memory_order_release);
  }
  sys::unmap(address, size);
  if (error < 0)
    return refuse(details, -error, "cannot give the domain an identity: %s", strerror(-error));
  return 0;
}

int give_permissions(const heirlock_domain_options_t& options, int descriptor,
                     heirlock_error_t& details) noexcept {
  if ((options.flags & HEIRLOCK_DOMAIN_GROUP) == 0) {
    const int error = sys::set_mode(descriptor, private_mode);
    return error < 0 ? refuse(details, -error, "cannot set the domain's mode: %s", strerror(-error))
                     : 0;
  }
  const int error = sys::set_group_and_mode(descriptor, options.group, group_mode);
  return error < 0 ? refuse(details, -error,
                            "cannot give the domain to group %u: %s. Its maker must be a member",
                            options.group, strerror(-error))
                   : 0;
}

} // namespace

int read_boot_id(char (&boot_id)[boot_id_size]) noexcept {
  const int got = sys::read_file("/proc/sys/kernel/random/boot_id", boot_id, sizeof boot_id - 1);
  return got < 0 ? -got : 0;
}

int make_at_path(const heirlock_domain_options_t& options, const char* path,
                 heirlock_error_t& details) noexcept {
  char directory[longest_path];
  const char* slash = strrchr(path, '/');
  const auto length = static_cast<std::size_t>(slash - path) + 1;
  memcpy(directory, path, length);
  directory[length] = '\0';
  const int descriptor = sys::open_unnamed(directory, private_mode);
  if (descriptor < 0)
    return -refuse(
        details, -descriptor,
        "cannot make a file in %s: %s. A domain needs a directory on tmpfs or another file "
        "system that supports O_TMPFILE",
        directory, strerror(-descriptor));
  int error = fill(options, descriptor, details);
  if (error == 0) error = give_permissions(options, descriptor, details);
  if (error == 0) {
    error = -sys::link_unnamed(descriptor, path);
    if (error != 0 && error != EEXIST)
      refuse(details, error, "cannot name the domain %s: %s (is /proc mounted?)", path,
             strerror(error));
  }
  if (error == 0) return descriptor;
  sys::close_file(descriptor);
  return -error;
}

int open_given(const heirlock_domain_options_t& options, heirlock_error_t& details) noexcept {
  const int descriptor = sys::open_again(options.descriptor);
  if (descriptor < 0)
    return -refuse(
        details, -descriptor,
        "cannot open descriptor %d anew through /proc/self/fd: %s. It needs /proc, and write "
        "permission for the file",
        options.descriptor, strerror(-descriptor));
  // A description of its own for the lock.
  const int locked = sys::open_again(descriptor);
  int error = locked < 0 ? -locked : -sys::lock_byte(locked, claim_lock_byte);
  if (error != 0) {
    refuse(details, error, "cannot lock the domain: %s", strerror(error));
  } else {
    struct stat status {};
    sys::status_of(locked, status);
    std::uint64_t magic = 0;
    if (status.st_size >= static_cast<off_t>(sizeof magic))
      error = -sys::read_at_start(locked, &magic, sizeof magic);
    const auto size = static_cast<off_t>(domain_size(seats_wanted(options)));
    if (error != 0)
      refuse(details, error, "cannot read the domain: %s", strerror(error));
    else if (magic == 0 && (status.st_size == 0 || status.st_size == size)) {
      if ((options.flags & HEIRLOCK_DOMAIN_MUST_EXIST) != 0)
        error =
            refuse(details, ENOENT, "descriptor %d is empty: its maker has not made the domain yet",
                   options.descriptor);
      else
        error = fill(options, locked, details);
    } else if ((options.flags & HEIRLOCK_DOMAIN_MUST_CREATE) != 0)
      error = refuse(details, EEXIST, "descriptor %d holds something already", options.descriptor);
  }
  if (locked >= 0) {
    // Not by closing alone: a child that another thread made by _Fork meanwhile has a copy.
    sys::unlock_byte(locked, claim_lock_byte);
    sys::close_file(locked);
  }
  if (error == 0) return descriptor;
  sys::close_file(descriptor);
  return -error;
}

} // namespace heirlock::core
