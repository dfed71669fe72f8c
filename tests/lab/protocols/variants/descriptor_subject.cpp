// SPDX-License-Identifier: Apache-2.0
// Variants whose descriptor is not what it should be. Each thread has run one transaction on another lock
// before, so that what that one left published is there.
#include "tests/lab/protocols/variants/subject_of.hpp"
#include "tests/lab/protocols/variants/used_thread.hpp"

const heirlock_subject* heirlock_subject_entry() {
  using namespace heirlock::lab::variants;
  static const heirlock_subject subject = subject_of<sound_mutex>::named(
      VARIANT_NAME, "rseq-rl-cs with another descriptor", enter_and_use_another);
  return &subject;
}

const char* heirlock_subject_policy() {
  return "rseq-rl-cs";
}
