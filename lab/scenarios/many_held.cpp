// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <string.h>

#include "lab/process/trouble.hpp"
#include "lab/scenarios/scenarios.hpp"

namespace heirlock::lab {
namespace {

// The kernel follows a robust list for 2,048 entries.
constexpr std::uint32_t many = 2'100;
static_assert(many > 2048 && many <= arena::crowd_most);

class heir_of_many final : public play {
 public:
  using play::play;

  void set_up() override {
    r_.init(r_.witness(), arena::object_a);
    must(r_.witness(), actor_command::init_crowd);
    must(r_.victim(), actor_command::hold_crowd);
    if (is_release(r_.op())) r_.victim_holds(arena::object_a);
  }

  void aftermath() override {
    const auto told = r_.witness().perform(r_.st().crowd_order(actor_command::inherit_crowd, many));
    if (told < 0) {
      r_.fail(verdict::crashed, fmt::format("a survivor's call returned {}",
                                            strerrorname_np(static_cast<int>(-told))));
    } else if (told != many) {
      r_.fail(verdict::owner_lost,
              fmt::format("of {} other locks that the victim held, the death of {} owners is "
                          "reported",
                          many, told));
    }
    r_.facts().told += static_cast<unsigned>(std::max<std::int64_t>(told, 0));
    r_.obtain(r_.witness(), arena::object_a);
  }

 private:
  void must(actor& by, actor_command what) {
    if (const auto error = by.perform(r_.st().crowd_order(what, many)); error != 0)
      throw trouble(fmt::format("{} locks could not be made or locked: {}", many,
                                strerrorname_np(static_cast<int>(error))));
  }
};

class many_held final : public scenario {
 public:
  std::string_view name() const override { return "many-held"; }
  std::string_view summary() const override {
    return "the victim holds 2,100 other locks when it is killed";
  }
  std::string_view promise() const override { return "the death is reported for each of them"; }
  std::vector<premise> premises(operation) const override { return {premise::death_told}; }
  std::string_view why_not(operation op) const override {
    return is_contended(op) ? "what counts is how many locks are held; use lock, trylock or unlock"
                            : std::string_view();
  }
  bool lets_live() const override { return false; } // nothing is to be reported then
  std::unique_ptr<play> perform(run& r) const override { return std::make_unique<heir_of_many>(r); }
};

} // namespace

const scenario& many_held_scenario() {
  static const many_held instance;
  return instance;
}

} // namespace heirlock::lab
