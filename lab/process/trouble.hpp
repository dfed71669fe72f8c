// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>

namespace heirlock::lab {

// The instrument cannot do what was asked: exit status 2. The text says why and what to do.
class trouble : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The user asked to stop (Ctrl-C): unwinding kills and reaps every tracee.
class interrupted : public std::runtime_error {
 public:
  interrupted() : std::runtime_error("interrupted") {}
};

[[noreturn]] inline void throw_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

} // namespace heirlock::lab
