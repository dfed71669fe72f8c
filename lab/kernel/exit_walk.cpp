// SPDX-License-Identifier: Apache-2.0
//
//  1. read the head: first entry, futex offset, pending operation; a fault ends everything
//  2. for each entry, 2,048 at most: read its next first, then see to its lock, unless it is the pending one;
//     a fault ends everything, the pending operation included
//     (rules may have another limit, or say where the list ends: after a fault, see to the entries from there too,
//     back to the next fault)
//  3. see to the lock of the pending operation
//
// Seeing to a lock: if the word names the dead thread, its TID is replaced by FUTEX_OWNER_DIED, FUTEX_WAITERS
// is kept, and one waiter is woken if that bit is set (not for a priority-inheritance lock: the kernel hands
// those on from its own records). If it names somebody else it is left alone; see wake_rule for the wake.
#include "lab/kernel/exit_walk.hpp"

#include <cstddef>
#include <linux/futex.h>

namespace heirlock::lab::kernel {
namespace {

constexpr std::uint64_t priority_inheritance_bit = 1;
constexpr std::uint64_t futex_alignment = 4;

struct list_entry {
  remote_address node;
  bool priority_inheritance = false;

  static list_entry from(std::uint64_t pointer) {
    return {{pointer & ~priority_inheritance_bit}, (pointer & priority_inheritance_bit) != 0};
  }
};

// Says when a list has gone on for long enough.
class entries_left {
 public:
  explicit entries_left(const entry_limit& limit) : limit_(limit), in_all_(limit.in_all) {}

  void begin_at_an_end() { of_others_ = limit_.of_others_in_a_row; }
  bool none() const { return in_all_ == 0 || of_others_ == 0; }
  void count(bool marked) {
    --in_all_;
    of_others_ = marked ? limit_.of_others_in_a_row : of_others_ - 1;
  }

 private:
  const entry_limit limit_;
  std::uint64_t in_all_;
  std::uint64_t of_others_ = 0;
};

enum class whose { listed, pending };
enum class outcome { marked, somebody_elses, fault };

class walk {
 public:
  walk(task& dying, const registered_list& list, const walk_rules& rules)
      : task_(dying), memory_(dying.memory), rules_(rules), head_(list.head), narrow_(list.narrow),
        left_(rules.limit) {}

  void run() {
    if (!read_head()) return;
    // A fault at the pending lock concerns that lock alone; the list is not what led there. It may be on the list too, and
    // its heir, woken here, puts its node on a list of his own: so where it leads is read before.
    if (rules_.pending_first) {
      behind_pending_ = read_pointer(pending_.node);
      if (rules_.from_the_end)
        before_pending_ = read_pointer(
            pending_.node + static_cast<std::uint64_t>(rules_.from_the_end->back_offset));
      see_to_pending();
    }
    if (!walk_list() && !rules_.pending_survives_faults) return;
    if (!rules_.pending_first) see_to_pending();
  }

 private:
  bool read_head() {
    const auto first =
        pointer_at(narrow_ ? offsetof(narrow_list_head, list) : offsetof(robust_list_head, list));
    if (!first) return false;
    auto offset = pointer_at(narrow_ ? offsetof(narrow_list_head, futex_offset)
                                     : offsetof(robust_list_head, futex_offset));
    if (!offset) return false;
    if (narrow_)
      offset = static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(*offset)});
    const auto pending = pointer_at(narrow_ ? offsetof(narrow_list_head, list_op_pending)
                                            : offsetof(robust_list_head, list_op_pending));
    if (!pending) return false;
    first_ = list_entry::from(*first);
    futex_offset_ = *offset; // may be negative: addresses wrap
    // Only a pending operation that will be seen to excuses the walk from the same entry on the list.
    if (rules_.pending == pending_treatment::normal) pending_ = list_entry::from(*pending);
    if (rules_.pending == pending_treatment::wake_only) given_away_ = list_entry::from(*pending);
    return true;
  }

  std::optional<std::uint64_t> read_pointer(remote_address from) {
    if (!narrow_) return memory_.read64(from);
    return memory_.read32(from);
  }
  std::optional<std::uint64_t> pointer_at(std::uint64_t in_head) {
    return read_pointer(head_ + in_head);
  }

  bool walk_list() {
    if (follow(first_, 0, behind_pending_)) return true;
    // It ends at that fault at the latest: the entries before it have heirs by now.
    if (rules_.from_the_end && rules_.from_the_end->last != 0)
      follow(list_entry::from(rules_.from_the_end->last), rules_.from_the_end->back_offset,
             before_pending_);
    return false;
  }

  // False: a fault has ended it, at cut_. Goes no further than an earlier one.
  bool follow(list_entry entry, std::int64_t link_offset,
              const std::optional<std::uint64_t>& beyond_pending) {
    left_.begin_at_an_end();
    while (entry.node != head_ && entry.node != cut_ && !left_.none()) {
      const bool is_pending = entry.node == pending_.node;
      const bool is_past = rules_.pending_first && is_pending;
      const auto following =
          is_past ? beyond_pending
                  : read_pointer(entry.node + static_cast<std::uint64_t>(link_offset));
      const outcome seen = is_pending ? outcome::somebody_elses : see_to(entry, whose::listed);
      if (seen == outcome::fault || !following) {
        cut_ = entry.node;
        return false;
      }
      left_.count(seen == outcome::marked);
      entry = list_entry::from(*following);
    }
    return true;
  }

  void see_to_pending() {
    if (pending_.node.value != 0) see_to(pending_, whose::pending);
    if (given_away_.node.value != 0 && !given_away_.priority_inheritance)
      memory_.wake_one(given_away_.node + futex_offset_);
  }

  bool owes_wake(std::uint32_t word) const {
    const bool ownerless = (word & FUTEX_TID_MASK) == 0;
    const bool bare = (word & FUTEX_WAITERS) == 0;
    return ownerless || (rules_.wake == wake_rule::ownerless_or_bare && bare);
  }

  outcome see_to(const list_entry& entry, whose role) {
    const remote_address at = entry.node + futex_offset_;
    if (at.value % futex_alignment != 0) return outcome::fault;
    for (;;) {
      const auto word = memory_.read32(at);
      if (!word) return outcome::fault;
      if ((*word & FUTEX_TID_MASK) != task_.tid) {
        if (role == whose::pending && !entry.priority_inheritance && owes_wake(*word))
          memory_.wake_one(at);
        return outcome::somebody_elses;
      }
      const auto new_owner =
          rules_.given_to != nullptr ? rules_.given_to(memory_, at) : std::nullopt;
      const std::uint32_t marked = (*word & FUTEX_WAITERS) | new_owner.value_or(FUTEX_OWNER_DIED);
      switch (memory_.compare_exchange32(at, *word, marked)) {
      case exchange_outcome::fault:
        return outcome::fault;
      case exchange_outcome::changed:
        continue;
      case exchange_outcome::stored:
        break;
      }
      if (!new_owner && !entry.priority_inheritance && (*word & FUTEX_WAITERS) != 0)
        memory_.wake_one(at);
      return outcome::marked;
    }
  }

  task& task_;
  task_memory& memory_;
  const walk_rules rules_;
  const remote_address head_;
  const bool narrow_;
  entries_left left_;
  std::uint64_t futex_offset_ = 0;
  list_entry first_;
  list_entry pending_;
  std::optional<remote_address> cut_;           // where a fault has ended the walk from the head
  std::optional<std::uint64_t> behind_pending_; // where it is seen to first
  std::optional<std::uint64_t> before_pending_; // likewise, in a list that is linked both ways
  list_entry given_away_; // the pending operation's lock, when its word is foreign memory
};

} // namespace

void walk_robust_list(task& dying, const walk_rules& rules) {
  if (dying.list_head) walk_list(dying, {*dying.list_head}, rules);
}

void walk_list(task& dying, const registered_list& list, const walk_rules& rules) {
  walk(dying, list, rules).run();
}

bool empty_robust_list(task& dying) {
  if (!dying.list_head) return true;
  const remote_address head = *dying.list_head;
  return dying.memory.write64(head + offsetof(robust_list_head, list), head.value) &&
         dying.memory.write64(head + offsetof(robust_list_head, list_op_pending), 0);
}

std::optional<pending_operation> pending_operation_of(task& of) {
  if (!of.list_head) return std::nullopt;
  const remote_address slot = *of.list_head + offsetof(robust_list_head, list_op_pending);
  const auto pointer = of.memory.read64(slot);
  const auto offset = of.memory.read64(*of.list_head + offsetof(robust_list_head, futex_offset));
  if (!pointer || !offset || *pointer == 0) return std::nullopt;
  const list_entry entry = list_entry::from(*pointer);
  return pending_operation{slot, *pointer, entry.node + *offset, entry.priority_inheritance};
}

} // namespace heirlock::lab::kernel
