// SPDX-License-Identifier: Apache-2.0
#include "lab/audit/path.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

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

path_stop describe_stop(stage& st, actor& a, const disassembler& decoder) {
  const registers now = a.regs();
  path_stop stop;
  stop.pc = now.pc();
  stop.code = code_at(a.thread().process(), stop.pc);
  stop.shared = decoder.decode(stop.pc, stop.code).is_system_call ||
                decoder.touches(now, stop.code, {arena::object_a},
                                arena::size - (arena::object_a - arena::base));
  stop.word = st.words(arena::object_a, sizeof(std::uint64_t))[0];
  stop.pending = pending_operation_of(a.id());
  return stop;
}

} // namespace

path trace(stage& st, actor& a, const disassembler& decoder, const cue_handler& cue, waiting how) {
  path way;
  std::map<remote_address, unsigned> visits;
  bool cue_given = false;
  for (;;) {
    if (way.stops.size() > longest_path) {
      way.end = progress::spinning;
      return way;
    }
    way.stops.push_back(describe_stop(st, a, decoder));
    if (how == waiting::spins && ++visits[way.stops.back().pc] == visits_of_a_waiter &&
        !cue_given) {
      way.stops.back().cue = cue_given = true;
      cue();
    }
    progress now = a.step();
    if (now == progress::asleep || now == progress::spinning) {
      path_stop inside = way.stops.back();
      inside.asleep = inside.cue = true;
      inside.word = st.words(arena::object_a, sizeof(std::uint64_t))[0];
      way.stops.push_back(inside);
      visits.clear();
      cue();
      now = a.step();
    }
    if (now != progress::at_instruction) {
      way.end = now;
      return way;
    }
  }
}

bool advance(actor& a, const path& way, std::size_t target, const cue_handler& cue) {
  std::size_t at = 0;
  const auto go_to = [&](std::size_t goal) {
    if (goal == at) return true;
    const path_stop& stop = way.stops[goal];
    const auto n = std::count_if(way.stops.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                                 way.stops.begin() + static_cast<std::ptrdiff_t>(goal) + 1,
                                 [&](const path_stop& s) { return s.pc == stop.pc && !s.asleep; });
    at = goal;
    return a.run(stop.pc, static_cast<unsigned>(n)) == progress::at_instruction &&
           a.regs().pc() == stop.pc;
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
