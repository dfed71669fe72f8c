// SPDX-License-Identifier: Apache-2.0
#include "src/core/domain_open.hpp"

#include "src/core/claim.hpp"
#include "src/core/claim_lock.hpp"
#include "src/core/domain_check.hpp"
#include "src/core/domain_make.hpp"
#include "src/core/process.hpp"
#include "src/sys/file.hpp"
#include "src/sys/futex.hpp"
#include "src/sys/membarrier.hpp"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace heirlock::core {
namespace {

constexpr char shm_directory[] = "/dev/shm/";

// Closes what an early return leaves open.
class open_descriptor {
 public:
  explicit open_descriptor(int value) noexcept : value_(value) {}
  ~open_descriptor() {
    if (value_ >= 0) sys::close_file(value_);
  }
  open_descriptor(const open_descriptor&) = delete;
  open_descriptor& operator=(const open_descriptor&) = delete;
  int get() const noexcept { return value_; }
  int release() noexcept {
    const int value = value_;
    value_ = -1;
    return value;
  }

 private:
  int value_;
};

int find_path(const heirlock_domain_options_t& options, char (&path)[longest_path],
              heirlock_error_t& details) noexcept {
  const char* name = options.name;
  if (name == nullptr) name = secure_getenv("HEIRLOCK_DOMAIN");
  int length = 0;
  if (name == nullptr)
    length = snprintf(path, sizeof path, "%sheirlock-%u", shm_directory, sys::effective_user());
  else if (name[0] == '/')
    length = snprintf(path, sizeof path, "%s", name);
  else if (name[0] == '\0' || strchr(name, '/') != nullptr)
    return refuse(details, EINVAL,
                  "'%s' is no name for a domain: give a name without '/', or an absolute path",
                  name);
  else
    length = snprintf(path, sizeof path, "%sheirlock.%s", shm_directory, name);
  if (length < 0 || static_cast<std::size_t>(length) >= sizeof path)
    return refuse(details, ENAMETOOLONG,
                  "the domain's path has more than %zu bytes: choose a shorter name",
                  sizeof path - 1);
  return 0;
}

int check_options(const heirlock_domain_options_t& options, heirlock_error_t& details) noexcept {
  constexpr std::uint32_t known = HEIRLOCK_DOMAIN_MUST_EXIST | HEIRLOCK_DOMAIN_MUST_CREATE |
                                  HEIRLOCK_DOMAIN_GROUP | HEIRLOCK_DOMAIN_BACKSTOP;
  if (options.struct_size != sizeof options)
    return refuse(details, EINVAL,
                  "the options have %u bytes, this library knows %zu: start from "
                  "HEIRLOCK_DOMAIN_OPTIONS_INIT and rebuild the program",
                  options.struct_size, sizeof options);
  if ((options.flags & ~known) != 0)
    return refuse(details, EINVAL, "unknown domain flags 0x%x", options.flags & ~known);
  if ((options.flags & HEIRLOCK_DOMAIN_MUST_EXIST) != 0 &&
      (options.flags & HEIRLOCK_DOMAIN_MUST_CREATE) != 0)
    return refuse(details, EINVAL, "MUST_EXIST and MUST_CREATE exclude each other: give one");
  if (options.threads > most_seats)
    return refuse(details, EINVAL, "a domain has room for at most %u threads, not for %u",
                  most_seats, options.threads);
  if (options.unlock_mode > HEIRLOCK_UNLOCK_ASYMMETRIC)
    return refuse(details, EINVAL, "unknown unlock mode %u", options.unlock_mode);
  if (options.name != nullptr && options.descriptor >= 0)
    return refuse(details, EINVAL, "a domain is given by name or by descriptor, not by both");
  if (options.descriptor >= 0 && (options.flags & HEIRLOCK_DOMAIN_GROUP) != 0)
    return refuse(details, EINVAL,
                  "who has the descriptor has the domain: a group makes no sense with it");
  return 0;
}

// Opens what the path leads to; makes it when there is nothing.
int open_by_path(const heirlock_domain_options_t& options, const char* path,
                 heirlock_error_t& details) noexcept {
  // Each round that fails means that another process made or removed the domain meanwhile.
  for (int rounds = 0; rounds < 100; ++rounds) {
    if ((options.flags & HEIRLOCK_DOMAIN_MUST_CREATE) == 0) {
      const int opened = sys::open_existing(path);
      if (opened >= 0) return opened;
      if (opened == -ELOOP)
        return -refuse(details, ELOOP,
                       "%s is a symbolic link: remove it, somebody may have planted it", path);
      if (opened != -ENOENT)
        return -refuse(details, -opened, "cannot open %s: %s", path, strerror(-opened));
      if ((options.flags & HEIRLOCK_DOMAIN_MUST_EXIST) != 0)
        return -refuse(details, ENOENT, "there is no domain %s: start the program that makes it",
                       path);
    }
    const int made = make_at_path(options, path, details);
    if (made != -EEXIST) return made;
    if ((options.flags & HEIRLOCK_DOMAIN_MUST_CREATE) != 0)
      return -refuse(details, EEXIST, "%s exists: remove it or attach to it", path);
  }
  return -refuse(details, EAGAIN, "%s appears and disappears: something removes it all the time",
                 path);
}

attached_domain* attached_to(const struct stat& status) noexcept {
  for (attached_domain& domain : domains)
    if (domain.header.load(std::memory_order_acquire) != nullptr &&
        domain.device == status.st_dev && domain.inode == status.st_ino)
      return &domain;
  return nullptr;
}

attached_domain* free_slot() noexcept {
  for (attached_domain& domain : domains)
    if (domain.header.load(std::memory_order_acquire) == nullptr) return &domain;
  return nullptr;
}

int attach(attached_domain& slot, domain_header& header, heirlock_error_t& details) noexcept {
  if (find_domain(header.id) != nullptr)
    return refuse(details, EEXIST,
                  "this file is a copy of a domain that is attached already: use one of the two");
  sys::probe_wait_on_many();
  if (header.asymmetric != 0)
    if (const int error = sys::register_for_barriers())
      return refuse(
          details, error,
          "the domain uses the asymmetric unlock mode, but membarrier(2) is refused here (%s): "
          "allow it in the sandbox, or make the domain in RMW mode",
          strerror(error));
  slot.seats = reinterpret_cast<seat*>(reinterpret_cast<unsigned char*>(&header) + header_size);
  slot.seat_count = header.seat_count;
  slot.id = header.id;
  slot.asymmetric = header.asymmetric != 0;
  slot.backstop_ms = header.backstop_ms;
  slot.process = 0;
  slot.liveness_pin = nullptr;
  return start_after_reboot(slot, header, details);
}

// One attempt, under the process lock. taken: another process has the claim lock, try again.
int attach_by(const heirlock_domain_options_t& options, const char (&path)[longest_path],
              attached_domain*& domain, heirlock_error_t& details) noexcept {
  details = {};
  if (const int error = prepare_for_forks())
    return refuse(details, error, "cannot watch for forks: %s", strerror(error));

  open_descriptor file(options.descriptor >= 0 ? open_given(options, details)
                                               : open_by_path(options, path, details));
  if (file.get() < 0) return -file.get();
  struct stat status {};
  if (const int error = check_file(options, path, file.get(), status, details)) return error;
  if (attached_domain* known = attached_to(status)) {
    domain = known;
    return check_header(options, *known->header.load(std::memory_order_acquire), status, details);
  }
  attached_domain* slot = free_slot();
  if (slot == nullptr)
    return refuse(details, ENFILE, "a process can attach to at most %zu domains: close one",
                  detail::max_domains);

  const auto size = static_cast<std::size_t>(status.st_size);
  void* address = sys::map_shared(file.get(), size);
  if (address == nullptr)
    return refuse(details, errno, "cannot map the domain %s: %s", path, strerror(errno));
  auto& header = *static_cast<domain_header*>(address);
  int error = check_header(options, header, status, details);
  if (error == 0) {
    slot->descriptor = file.get();
    slot->device = status.st_dev;
    slot->inode = status.st_ino;
    memcpy(slot->path, path, sizeof path);
    error = attach(*slot, header, details);
  }
  if (error != 0) {
    sys::unmap(address, size);
    return error;
  }
  file.release();
  // sync attached
  slot->header.store(&header, std::memory_order_release);
  domain = slot;
  return 0;
}

} // namespace

int refuse(heirlock_error_t& details, int code, const char* format, ...) noexcept {
  details.code = code;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(details.text, sizeof details.text, format, arguments);
  va_end(arguments);
  return code;
}

int open_domain(const heirlock_domain_options_t& options, const sys::deadline* limit,
                attached_domain*& domain, heirlock_error_t& details) noexcept {
  if (const int error = check_options(options, details)) return error;
  char path[longest_path] = "";
  if (options.descriptor < 0)
    if (const int error = find_path(options, path, details)) return error;

  notice_fork();
  for (claim_wait turn(limit);;) {
    {
      process_lock alone(limit);
      if (alone.held()) {
        const int error = attach_by(options, path, domain, details);
        if (error != sys::taken) return error;
      }
    }
    const auto open = [&]() noexcept {
      return options.descriptor >= 0 ? sys::open_again(options.descriptor)
                                     : sys::open_existing(path);
    };
    if (!turn.wait(open))
      return refuse(details, ETIMEDOUT, "the time is up: the domain is being used by another");
  }
}

int close_domain(attached_domain& domain) noexcept {
  notice_fork();
  process_lock alone;
  domain_header* header = domain.header.load(std::memory_order_acquire);
  if (header == nullptr) return EINVAL;
  if (has_own_seats(domain)) return EBUSY;
  domain.header.store(nullptr, std::memory_order_release);
  if (domain.liveness_pin != nullptr) sys::unmap(domain.liveness_pin, 1);
  sys::unmap(header, domain_size(domain.seat_count));
  if (is_file_of(domain, domain.descriptor)) sys::close_file(domain.descriptor);
  return 0;
}

} // namespace heirlock::core
