// SPDX-License-Identifier: Apache-2.0
//
// The victim's thread ends, its process lives on. At a kill point it ends by the system call, where it stands: nothing
// of the C library runs, as when another thread of the process calls exec, which the kernel does to it wherever it
// is. Left alive, it ends its operation and then returns from its start routine with the lock held, which POSIX makes
// the same as pthread_exit: this is the case that applications meet, and the C library's way to end a thread runs in
// full. That way is not stepped: it is the library's own, long, and knows no lock.
#include "lab/scenarios/scenarios.hpp"
#include "lab/scenarios/two_heirs.hpp"

namespace heirlock::lab {
namespace {

class sibling_joins final : public two_heirs {
 public:
  using two_heirs::two_heirs;

  void aftermath() override {
    if (r_.join(r_.sibling(), r_.victim())) two_heirs::aftermath();
  }

 private:
  actor& first_heir() override { return r_.st().enter_beside(r_.sibling()); }
};

class thread_exit_holding final : public scenario {
 public:
  std::string_view name() const override { return "thread-exit-holding"; }
  std::string_view summary() const override {
    return "the victim's thread ends, its process lives on; a sibling joins it, then another "
           "sibling and another process take the lock one after the other";
  }
  std::string_view promise() const override {
    return "the join returns, and if the victim owned the lock, exactly one of them is told, "
           "exactly once; if not, none";
  }
  std::vector<premise> premises(operation) const override { return {premise::victim_died_owning}; }
  ending victim_ends(operation) const override { return ending::thread_exits; }
  bool has_sibling() const override { return true; }
  std::unique_ptr<play> perform(run& r) const override {
    return std::make_unique<sibling_joins>(r);
  }
};

} // namespace

const scenario& thread_exit_holding_scenario() {
  static const thread_exit_holding instance;
  return instance;
}

} // namespace heirlock::lab
