// SPDX-License-Identifier: Apache-2.0
// After the victim's death two others take the lock, one after the other. If the victim owned it, one of them is told,
// once.
#pragma once

#include "lab/audit/scenario.hpp"

namespace heirlock::lab {

class two_heirs : public play {
 public:
  using play::play;

  void set_up() override;
  void cue() override;
  void aftermath() override;
  actor* second() override;

 protected:
  virtual actor& first_heir() { return r_.st().enter(); }

 private:
  void holder_leaves();

  actor* first_ = nullptr;
  actor* next_ = nullptr;
  actor* holder_ = nullptr;
};

} // namespace heirlock::lab
