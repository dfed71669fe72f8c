// SPDX-License-Identifier: Apache-2.0
#include "src/core/domain_check.hpp"

#include "src/core/claim.hpp"
#include "src/core/claim_lock.hpp"
#include "src/core/domain_make.hpp"
#include "src/core/domain_open.hpp"
#include "src/sys/file.hpp"
#include "src/sys/robust_word.hpp"

#include <cerrno>
#include <cstring>

namespace heirlock::core {
namespace {

constexpr mode_t permission_bits = S_IRWXU | S_IRWXG | S_IRWXO | S_ISUID | S_ISGID | S_ISVTX;

const char* libc_name(std::uint32_t kind) noexcept {
  return kind == 1 ? "glibc" : kind == 2 ? "musl" : "an unknown libc";
}

const char* mode_name(bool asymmetric) noexcept {
  return asymmetric ? "asymmetric" : "RMW";
}

// What to do about a file that is something else.
const char* remedy(const heirlock_domain_options_t& options) noexcept {
  return options.descriptor < 0 ? "remove it or choose another name"
                                : "give an empty file, as heirlock_domain_memfd makes it";
}

int check_permissions(const heirlock_domain_options_t& options, const char* path,
                      const struct stat& status, heirlock_error_t& details) noexcept {
  const mode_t mode = status.st_mode & permission_bits;
  if ((options.flags & HEIRLOCK_DOMAIN_GROUP) != 0) {
    if (status.st_gid != options.group)
      return refuse(details, EACCES,
                    "%s belongs to group %u, not to %u: remove it or name its group", path,
                    status.st_gid, options.group);
    if (mode != group_mode)
      return refuse(details, EACCES, "%s has mode %04o, a domain of a group has %04o: remove it",
                    path, mode, group_mode);
    return 0;
  }
  if (status.st_uid != sys::effective_user())
    return refuse(
        details, EACCES,
        "%s belongs to user %u, not to %u, who would have power over this process: remove it, "
        "or choose a group's domain",
        path, status.st_uid, sys::effective_user());
  if (mode != private_mode)
    return refuse(details, EACCES,
                  "%s has mode %04o, a private domain has %04o: remove it, or name its group", path,
                  mode, private_mode);
  return 0;
}

} // namespace

int check_file(const heirlock_domain_options_t& options, const char* path, int descriptor,
               struct stat& status, heirlock_error_t& details) noexcept {
  if (options.descriptor >= 0) path = "the given file";
  if (const int error = sys::status_of(descriptor, status))
    return refuse(details, -error, "cannot examine %s: %s", path, strerror(-error));
  if (!S_ISREG(status.st_mode))
    return refuse(details, EINVAL, "%s is no regular file: %s", path, remedy(options));
  if (options.descriptor < 0)
    if (const int error = check_permissions(options, path, status, details)) return error;
  if (status.st_size < static_cast<off_t>(domain_size(1)) ||
      status.st_size > static_cast<off_t>(domain_size(most_seats)))
    return refuse(details, EINVAL, "%s has %lld bytes and is no domain: %s", path,
                  static_cast<long long>(status.st_size), remedy(options));
  return 0;
}

int check_header(const heirlock_domain_options_t& options, const domain_header& header,
                 const struct stat& status, heirlock_error_t& details) noexcept {
  // sync made: the magic is stored after all else.
  if (header.magic.load(std::memory_order_acquire) != domain_magic)
    return refuse(details, EINVAL, "the file is no domain: %s", remedy(options));
  if (header.version != layout_version)
    return refuse(
        details, EPROTO,
        "the domain has layout version %u, this library has %u: stop the programs of the other "
        "version and remove the domain, or choose another name",
        header.version, layout_version);
  if (header.pointer_size != sizeof(void*))
    return refuse(
        details, EPROTO,
        "the domain is used by %u-bit programs, this one has %zu bits: give each its own domain",
        header.pointer_size * 8, sizeof(void*) * 8);
  if (header.libc != sys::libc_kind || header.libc_lock_word_offset != sys::libc_lock_word_offset)
    return refuse(
        details, EPROTO,
        "the domain is used by programs on %s, this one runs on %s, whose mutexes differ: give "
        "each its own domain",
        libc_name(header.libc), libc_name(sys::libc_kind));
  if (header.seat_size != sizeof(seat) || header.seat_count == 0 ||
      header.seat_count > most_seats ||
      static_cast<off_t>(domain_size(header.seat_count)) != status.st_size)
    return refuse(details, EPROTO, "the domain's size does not fit its %u seats: remove it",
                  header.seat_count);
  if (options.threads != 0 && options.threads != header.seat_count)
    return refuse(details, EINVAL,
                  "the domain has room for %u threads, not for %u: ask for as many",
                  header.seat_count, options.threads);
  if (options.unlock_mode != HEIRLOCK_UNLOCK_ANY &&
      (options.unlock_mode == HEIRLOCK_UNLOCK_ASYMMETRIC) != (header.asymmetric != 0))
    return refuse(details, EINVAL,
                  "the domain was made in %s unlock mode, not in %s: ask for that mode",
                  mode_name(header.asymmetric != 0), mode_name(header.asymmetric == 0));
  return 0;
}

int start_after_reboot(attached_domain& domain, domain_header& header,
                       heirlock_error_t& details) noexcept {
  char boot_id[boot_id_size] = {};
  if (const int error = read_boot_id(boot_id))
    return refuse(details, error, "cannot read the boot id: mount /proc");
  if (memcmp(boot_id, header.boot_id, sizeof boot_id) == 0) return 0;
  claim_lock alone(domain);
  if (alone.error() != 0) // taken: the caller asks again
    return refuse(details, alone.error(), "cannot lock the domain: %s", strerror(alone.error()));
  if (memcmp(boot_id, header.boot_id, sizeof boot_id) == 0) return 0;
  // The boot id last: who is killed before leaves the work to the next one, who does all of it again.
  for (std::uint32_t number = 1; number <= domain.seat_count; ++number)
    mark_dead(domain.seat_number(number));
  std::atomic_thread_fence(std::memory_order_release);
  memcpy(header.boot_id, boot_id, sizeof boot_id);
  return 0;
}

} // namespace heirlock::core
