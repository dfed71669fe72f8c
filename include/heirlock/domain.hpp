// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <heirlock/heirlock.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <system_error>

namespace heirlock {

// A domain that was refused. what() names what was refused and what to do about it.
class domain_error : public std::system_error {
 public:
  domain_error(int code, const std::string& text)
      : std::system_error(code, std::generic_category(), text) {}
};

enum class unlock_mode : std::uint32_t {
  any = HEIRLOCK_UNLOCK_ANY,
  rmw = HEIRLOCK_UNLOCK_RMW,
  asymmetric = HEIRLOCK_UNLOCK_ASYMMETRIC,
};

// How to find or make a domain. The members return *this:
//   heirlock::domain::open(heirlock::domain_options("trading").threads(64).group(gid));
class domain_options {
 public:
  domain_options() = default; // the default domain of this user
  explicit domain_options(const char* name) { options_.name = name; }
  static domain_options of_descriptor(int descriptor) {
    domain_options result;
    result.options_.descriptor = descriptor;
    return result;
  }
  domain_options& threads(std::uint32_t count) { return options_.threads = count, *this; }
  domain_options& unlock(unlock_mode mode) {
    return options_.unlock_mode = static_cast<std::uint32_t>(mode), *this;
  }
  domain_options& group(std::uint32_t gid) {
    return options_.group = gid, options_.flags |= HEIRLOCK_DOMAIN_GROUP, *this;
  }
  domain_options& must_exist() { return options_.flags |= HEIRLOCK_DOMAIN_MUST_EXIST, *this; }
  domain_options& must_create() { return options_.flags |= HEIRLOCK_DOMAIN_MUST_CREATE, *this; }
  // Zero: untimed waits trust the kernel without end. At least 1 ms else, and 49 days at most.
  domain_options& backstop(std::chrono::milliseconds trust) {
    constexpr std::chrono::milliseconds longest{std::numeric_limits<std::uint32_t>::max()};
    if (trust.count() != 0) trust = std::clamp(trust, std::chrono::milliseconds(1), longest);
    return options_.backstop_ms = static_cast<std::uint32_t>(trust.count()),
           options_.flags |= HEIRLOCK_DOMAIN_BACKSTOP, *this;
  }
  const heirlock_domain_options_t& raw() const noexcept { return options_; }

 private:
  heirlock_domain_options_t options_ = HEIRLOCK_DOMAIN_OPTIONS_INIT;
};

// An attachment of this process to a domain. A handle: copies are the same attachment, which lasts until
// close() or the end of the process.
class domain {
 public:
  static domain open(const domain_options& options) {
    heirlock_domain_t* opened = nullptr;
    heirlock_error_t error;
    if (const int code = heirlock_domain_open(&options.raw(), &opened, &error))
      throw domain_error(code, error.text);
    return domain(opened);
  }
  static domain of_user() { return open(domain_options()); }

  void close() {
    const int code = heirlock_domain_close(handle_);
    check(code, code == EBUSY ? "a thread of this process has a seat in the domain"
                              : "the domain is closed already");
  }
  void attach_thread() const { check(heirlock_thread_attach(handle_), "no seat in the domain"); }
  void detach_thread() const {
    check(heirlock_thread_detach(handle_), "cannot give the seat back");
  }

  heirlock_domain_info_t inspect() const {
    heirlock_domain_info_t info{};
    info.struct_size = sizeof info;
    check(heirlock_domain_inspect(handle_, &info), "the domain was closed");
    return info;
  }
  heirlock_domain_t* native_handle() const noexcept { return handle_; }

 private:
  explicit domain(heirlock_domain_t* handle) noexcept : handle_(handle) {}
  static void check(int code, const char* text) {
    if (code != 0) throw domain_error(code, text);
  }

  heirlock_domain_t* handle_;
};

} // namespace heirlock
