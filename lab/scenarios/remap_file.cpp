// SPDX-License-Identifier: Apache-2.0
#include "lab/scenarios/release_and_reuse.hpp"
#include "lab/scenarios/scenarios.hpp"

namespace heirlock::lab {
namespace {

// The bug's title: file corruption. The page of the lock is unmapped and a file comes to lie there.
class file_in_place_of_lock final : public release_and_reuse {
 public:
  explicit file_in_place_of_lock(run& r)
      : release_and_reuse(r, taker_lives::in_the_victims_process) {}

 private:
  mailbox new_use() override {
    r_.st().scratch().fill(r_.fill_word());
    mailbox order = {};
    order.command = actor_command::map_file;
    order.object = arena::object_a;
    order.size = static_cast<std::uint32_t>(r_.st().scratch().size());
    return order;
  }
  std::vector<std::uint64_t> reused_words() override { return r_.st().scratch().read_from_disk(); }
  const char* what_was_reused() const override { return "the file on disk"; }
};

class remap_file final : public scenario {
 public:
  std::string_view name() const override { return "remap-file"; }
  std::string_view summary() const override {
    return "a sibling thread takes the released lock, destroys it, unmaps its page and maps a file "
           "there";
  }
  std::string_view promise() const override { return "the file's bytes on disk do not change"; }
  std::vector<premise> premises(operation) const override { return {premise::memory_reused}; }
  std::string_view why_not(operation op) const override {
    return is_release(op) ? std::string_view() : nobody_may_free_it;
  }
  bool reuses_memory() const override { return true; }
  std::unique_ptr<play> perform(run& r) const override {
    return std::make_unique<file_in_place_of_lock>(r);
  }
};

} // namespace

const scenario& remap_file_scenario() {
  static const remap_file instance;
  return instance;
}

} // namespace heirlock::lab
