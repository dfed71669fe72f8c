// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <heirlock/domain.hpp>
#include <unistd.h>

#include "lab/process/trouble.hpp"

namespace heirlock::lab::bench {

// A domain in a memory file that no name leads to, for a measurement: nothing of it is left behind. This process's
// attachment ends with the object.
class nameless_domain {
 public:
  nameless_domain(unlock_mode mode, unsigned threads) : domain_(open(mode, threads)) {}
  ~nameless_domain() {
    heirlock_thread_detach(domain_.native_handle());
    heirlock_domain_close(domain_.native_handle());
  }
  nameless_domain(const nameless_domain&) = delete;
  nameless_domain& operator=(const nameless_domain&) = delete;
  const domain& get() const { return domain_; }

 private:
  static domain open(unlock_mode mode, unsigned threads) {
    heirlock_error_t error = {};
    const int file = heirlock_domain_memfd(&error);
    if (file < 0) throw trouble(error.text);
    try {
      const domain made =
          domain::open(domain_options::of_descriptor(file).threads(threads).unlock(mode));
      close(file);
      return made;
    } catch (...) {
      close(file);
      throw;
    }
  }

  domain domain_;
};

} // namespace heirlock::lab::bench
