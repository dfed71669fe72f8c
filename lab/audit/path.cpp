// SPDX-License-Identifier: Apache-2.0
#include "lab/audit/path.hpp"

#include <fmt/format.h>
#include <linux/futex.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "lab/process/mappings.hpp"
#include "lab/process/remote_memory.hpp"
#include "lab/process/robust_list.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

// One that never sleeps and comes by the same instruction so often waits for others.
constexpr unsigned visits_of_a_waiter = 4;
// An operation that is longer than this has no end.
constexpr std::size_t longest_path = 20'000;

machine_code code_at(thread_id process, remote_address pc) {
  machine_code code;
  // The last instruction of a mapping may be followed by nothing.
  for (std::size_t length = longest_instruction; length > 0; --length)
    if (try_read_memory(process, pc, std::span(code.bytes).first(length))) break;
  return code;
}

bool is_in_arena(const mapping& m) {
  return m.start < remote_address{arena::base + arena::size} && remote_address{arena::base} < m.end;
}

bool shows_the_arena(const mapping& m, const std::vector<mapping>& all) {
  const auto arena_itself = std::ranges::find(all, remote_address{arena::control}, &mapping::start);
  return arena_itself != all.end() && m.same_file(*arena_itself);
}

// A part of the arena, and the other places at which a process has mapped it once more.
std::vector<memory_range> images_of(const memory_range& part, const std::vector<mapping>& all) {
  std::vector<memory_range> found = {part};
  const std::uint64_t in_file = part.from.value - arena::base;
  for (const mapping& m : all)
    if (m.shared && !is_in_arena(m) && shows_the_arena(m, all) && in_file >= m.file_offset &&
        in_file + part.bytes <= m.file_offset + (m.end - m.start))
      found.push_back({m.start + (in_file - m.file_offset), part.bytes});
  return found;
}

// Where others see what the actor writes: the locks, and whatever else its process maps to share, such as a table
// that a lock keeps beside its objects. The instrument's own orders lie in such memory too, and are no part of a lock; so
// where a lock has mapped the arena once more, only its image of the locks counts.
std::vector<memory_range> memory_of_all(stage& st, thread_id process) {
  std::vector<memory_range> locks = {{{arena::object_a}, st.subject_size()},
                                     {{arena::object_b}, st.subject_size()}};
  const std::uint64_t before_crowd = arena::crowd - arena::object_a;
  if (const std::uint64_t used = st.used_objects().size_bytes(); used > before_crowd)
    locks.push_back({{arena::crowd}, used - before_crowd});
  const auto all = mappings_of(process);
  std::vector<memory_range> ranges;
  for (const memory_range& lock : locks)
    std::ranges::copy(images_of(lock, all), std::back_inserter(ranges));
  for (const mapping& m : all)
    if (m.shared && !is_in_arena(m) && !shows_the_arena(m, all))
      ranges.push_back({m.start, m.end - m.start});
  return ranges;
}

// Whether a pending operation of the actor names the lock under audit: on whichever of its lists, and at whichever of the
// addresses that the lock has. The kernel finds the futex word at a fixed distance from the list entry, so inside the
// object.
bool names_the_lock(actor& a, std::span<const registered_list> lists_beside,
                    std::span<const memory_range> images) {
  const auto is_there = [&](remote_address entry) {
    return std::ranges::any_of(images, [&](const memory_range& lock) {
      return entry >= lock.from && entry < lock.from + lock.bytes;
    });
  };
  return is_there(pending_operation_of(a.id())) ||
         std::ranges::any_of(lists_beside, [&](const registered_list& list) {
           return is_there(pending_operation_of(a.id(), list));
         });
}

// What is left when the actor is killed: memory that others see, what the kernel knows, and the heads of the robust lists,
// from which it goes on.
class legacy {
 public:
  legacy(stage& st, actor& a) : stage_(st), actor_(a) {}

  // Whether it may differ from what was found last time. Of the kernel's part only is known that system calls
  // change it.
  bool has_changed(bool after_system_call, const exit_state& besides) {
    const thread_id process = actor_.thread().process();
    if (after_system_call) ranges_ = memory_of_all(stage_, process);
    std::vector<std::byte> now;
    const auto append = [&](remote_address from, std::uint64_t bytes) {
      const std::size_t so_far = now.size();
      now.resize(so_far + bytes);
      try_read_memory(process, from, std::span(now).subspan(so_far));
    };
    for (const memory_range& range : ranges_)
      append(range.from, range.bytes);
    if (const auto head = robust_list_head_of(actor_.id())) append(*head, sizeof(robust_list_head));
    for (const registered_list& list : besides.lists)
      append(list.head, list.head_bytes());
    const auto standing = std::as_bytes(std::span(besides.standing));
    now.insert(now.end(), standing.begin(), standing.end());
    const bool differs = after_system_call || now != last_;
    last_ = std::move(now);
    return differs;
  }

 private:
  stage& stage_;
  actor& actor_;
  std::vector<memory_range> ranges_;
  std::vector<std::byte> last_;
};

// Where an instruction meets the other actors. One that waits actively comes by the same again and again.
struct encounter {
  remote_address pc;
  std::uint64_t place; // an address, or the number of a system call
  std::uint64_t argument;
  auto operator<=>(const encounter&) const = default;
};

std::optional<encounter> encounter_at(const registers& now, const machine_code& code,
                                      const disassembler& decoder,
                                      std::span<const memory_range> of_all) {
  if (decoder.decode(now.pc(), code).is_system_call)
    return encounter{now.pc(), now.syscall_number(), now.syscall_argument(0)};
  if (const auto where = decoder.touched(now, code, of_all))
    return encounter{now.pc(), where->value, 0};
  return std::nullopt;
}

} // namespace

path trace(stage& st, actor& a, const disassembler& decoder, const cue_handler& cue, waiting how,
           comparison compare) {
  path way;
  const thread_id process = a.thread().process();
  const std::vector<memory_range> of_all = memory_of_all(st, process);
  const std::vector<memory_range> lock_itself =
      images_of({{arena::object_a}, st.subject_size()}, mappings_of(process));
  legacy left(st, a);
  std::map<encounter, unsigned> visits;
  bool cue_given = false;
  bool after_system_call = true;
  remote_address pc_before = {};
  for (;;) {
    if (way.stops.size() > longest_path) {
      way.end = progress::spinning;
      return way;
    }
    const registers now = a.regs();
    path_stop& stop = way.stops.emplace_back();
    stop.pc = now.pc();
    stop.code = code_at(a.thread().process(), stop.pc);
    const instruction_facts facts = decoder.decode(stop.pc, stop.code);
    stop.repeated = facts.repeats_itself && pc_before == stop.pc;
    pc_before = stop.pc;
    const auto meeting = encounter_at(now, stop.code, decoder, of_all);
    stop.shared = meeting.has_value();
    stop.word = st.words(arena::object_a, sizeof(std::uint64_t))[0];
    const exit_state besides = st.state_at_exit(a);
    stop.pending = names_the_lock(a, besides.lists, lock_itself);
    if (compare == comparison::of_states)
      stop.changed = left.has_changed(after_system_call, besides);
    after_system_call = facts.is_system_call;
    if (how == waiting::spins && meeting && ++visits[*meeting] == visits_of_a_waiter &&
        !cue_given) {
      stop.cue = cue_given = true;
      cue();
    }
    progress then = a.step();
    stop.interrupted = a.was_interrupted();
    if (then == progress::asleep || then == progress::spinning) {
      path_stop inside = way.stops.back();
      inside.asleep = inside.cue = inside.changed = true;
      inside.word = st.words(arena::object_a, sizeof(std::uint64_t))[0];
      way.stops.push_back(inside);
      visits.clear();
      cue();
      then = a.step();
    }
    if (then != progress::at_instruction) {
      way.end = then;
      return way;
    }
  }
}

bool advance(actor& a, const path& way, std::size_t target, const cue_handler& cue) {
  std::size_t at = 0;
  const auto stops_a_breakpoint = [](const path_stop& s) {
    return !s.asleep && !s.interrupted && !s.repeated;
  };
  const auto go_to = [&](std::size_t goal) {
    // Up to where a breakpoint can bring it; without one every step is taken.
    std::size_t running = hardware_breakpoints_work() ? goal : at;
    while (running > at && !stops_a_breakpoint(way.stops[running]))
      --running;
    if (running > at) {
      const remote_address pc = way.stops[running].pc;
      const auto n =
          std::count_if(way.stops.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                        way.stops.begin() + static_cast<std::ptrdiff_t>(running) + 1,
                        [&](const path_stop& s) { return s.pc == pc && stops_a_breakpoint(s); });
      if (a.run(pc, static_cast<unsigned>(n)) != progress::at_instruction || a.regs().pc() != pc)
        return false;
    }
    for (at = running; at != goal; ++at)
      if (a.step() != progress::at_instruction || a.regs().pc() != way.stops[at + 1].pc)
        return false;
    return true;
  };
  for (std::size_t next = 0; next <= target; ++next) {
    const path_stop& stop = way.stops[next];
    if (!stop.cue && next != target) continue;
    if (stop.asleep) {
      // The instruction that sleeps is the stop before; it is stepped, so that the way behind it is open.
      if (!go_to(next - 1)) return false;
      const progress now = a.step();
      if (now != progress::asleep && now != progress::spinning) return false;
      at = next;
      if (next == target) return true;
      cue();
      if (a.step() != progress::at_instruction) return false;
      at = next + 1;
      if (a.regs().pc() != way.stops[at].pc) return false;
    } else {
      if (!go_to(next)) return false;
      if (next != target) cue();
    }
  }
  return true;
}

} // namespace heirlock::lab
