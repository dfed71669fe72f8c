// SPDX-License-Identifier: Apache-2.0
// The way that one actor takes through one operation, instruction by instruction.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "lab/actor/stage.hpp"
#include "lab/audit/instruction.hpp"

namespace heirlock::lab {

// A place where the actor can be stopped, and killed.
struct path_stop {
  remote_address pc;
  machine_code code;
  bool asleep = false; // not before the instruction but inside it: it is a system call that sleeps
  bool cue = false;    // the actor waits here for others
  bool interrupted =
      false; // a signal is taken before the instruction: only a step from the stop before comes here
  // Inside an instruction that does its work piece by piece, behind at least one of them: a breakpoint stands before the
  // first only, so from there it takes steps.
  bool repeated = false;
  bool shared = false; // the instruction touches memory that others see, or enters the kernel
  // What a death here leaves to others may differ from what it leaves at the stop before. Only if the trace was asked
  // to look; else always true.
  bool changed = true;
  std::uint64_t word = 0; // the first word of the lock, as it is at this stop
  bool pending = false;   // a pending operation of the thread names the lock at this stop
};

struct path {
  std::vector<path_stop> stops;
  progress end = progress::returned; // how the operation ended when it was traced
};

// Called when the actor on its way waits for others: they do what lets it go on.
using cue_handler = std::function<void()>;

// Whether an actor that waits does so without ever sleeping. A lock that spins first and sleeps then comes by the
// same instructions as often as one that only spins; when it is let run, the difference shows.
enum class waiting { sleeps, spins };

// Whether each stop is compared with the one before (path_stop::changed): that takes time.
enum class comparison { none, of_states };

// Steps an actor that stands at the first instruction of an operation through to its end. It ends early
// (`asleep`, `spinning`) where the actor waits and the cue does not help.
path trace(stage& st, actor& a, const disassembler& decoder, const cue_handler& cue, waiting how,
           comparison compare = comparison::none);

// Brings an actor that stands at the first instruction to the stop `target` of a path traced before.
// False when the operation took another way.
bool advance(actor& a, const path& way, std::size_t target, const cue_handler& cue);

} // namespace heirlock::lab
