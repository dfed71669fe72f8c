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

// Fills a file that is a domain's from its first byte on. From here on it is unfinished, until the magic, which comes last.
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
  auto& header = *static_cast<domain_header*>(address);
  header.magic.store(unfinished_magic, std::memory_order_relaxed);
  // Killed from here on, it leaves a file of which others know that they may clear it.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  memset(static_cast<unsigned char*>(address) + sizeof header.magic, 0, size - sizeof header.magic);
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

bool is_zero(const unsigned char (&bytes)[header_size]) noexcept {
  for (const unsigned char each : bytes)
    if (each != 0) return false;
  return true;
}

bool is_size_of_a_domain(off_t size) noexcept {
  for (std::uint32_t seats = 1; seats <= most_seats; ++seats)
    if (static_cast<off_t>(domain_size(seats)) == size) return true;
  return false;
}

// What a given file holds. The size that a dead maker gave it was its choice, and says nothing of what the next one wants.
enum class content { nothing, unfinished, something };

int look_into(int descriptor, content& found) noexcept {
  found = content::something;
  struct stat status {};
  if (const int error = sys::status_of(descriptor, status)) return -error;
  if (status.st_size == 0) found = content::nothing;
  if (!S_ISREG(status.st_mode) || status.st_size < static_cast<off_t>(header_size)) return 0;
  unsigned char bytes[header_size];
  if (const int error = sys::read_at_start(descriptor, bytes, sizeof bytes)) return -error;
  std::uint64_t magic = 0;
  memcpy(&magic, bytes, sizeof magic);
  // Zeroes that no maker has allocated may be the memory that the program wants to use itself.
  if (magic == unfinished_magic || (is_zero(bytes) && is_size_of_a_domain(status.st_size)))
    found = content::unfinished;
  return 0;
}

// Under the claim lock, so no living maker is at it; and nobody has it mapped, because it never was a domain.
int make_unless_made(const heirlock_domain_options_t& options, int descriptor,
                     heirlock_error_t& details) noexcept {
  content found = content::something;
  if (const int error = look_into(descriptor, found))
    return refuse(details, error, "cannot read the domain: %s", strerror(error));
  if (found == content::something)
    return (options.flags & HEIRLOCK_DOMAIN_MUST_CREATE) == 0
               ? 0
               : refuse(details, EEXIST, "descriptor %d holds something already",
                        options.descriptor);
  if ((options.flags & HEIRLOCK_DOMAIN_MUST_EXIST) != 0)
    return refuse(details, ENOENT, "descriptor %d is %s: its maker %s", options.descriptor,
                  found == content::nothing ? "empty" : "unfinished",
                  found == content::nothing
                      ? "has not made the domain yet"
                      : "died; who opens it without MUST_EXIST makes the domain");
  const std::size_t size = domain_size(seats_wanted(options));
  if (const int error = -sys::set_size(descriptor, size))
    return refuse(details, error, "cannot give the file %zu bytes: %s", size, strerror(error));
  return fill(options, descriptor, details);
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
  if (error != 0)
    refuse(details, error, "cannot lock the domain: %s", strerror(error));
  else
    error = make_unless_made(options, locked, details);
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
