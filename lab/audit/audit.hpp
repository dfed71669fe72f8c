// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lab/audit/path.hpp"
#include "lab/audit/scenario.hpp"
#include "lab/audit/symbols.hpp"

namespace heirlock::lab {

// One kill point of an operation, as it is reported.
struct kill_point_report {
  unsigned step = 0;
  bool asleep = false; // killed inside this instruction, a system call that sleeps
  code_location where;
  std::string instruction;
  std::uint64_t word = 0; // the lock's first word when the victim stands here
  bool pending = false;   // the victim's pending operation names this lock
  // A run in which the victim was killed here has said something, or one in which it went on from here has shown a
  // violation. Else nobody was killed here, or what went wrong before the victim had a part in it left nothing to judge by.
  bool judged = false;
};

// What becomes of the victim at the kill point. That it goes on is a control and a test of its own: it
// shows what the lock does when two meet there without a death.
enum class fate { killed, goes_on };

// A run that showed a violation.
struct observation {
  finding what;
  fate victim = fate::killed;
  std::uint32_t fill_bits = 0; // set beside the TID in the words that the memory was reused for
  std::string second_actor;    // where the other actor stood, if its position was enumerated
  std::optional<code_location> second_at; // the same place
};

struct violation {
  kill_point_report at;
  verdict what = verdict::ok;
  std::vector<observation> seen; // in the order of the runs; never empty

  const observation& first() const { return seen.front(); }
};

// Something went wrong before the victim had executed an instruction of its operation: it is the others' doing, and no
// kill point is charged with it.
struct early_finding {
  finding what;
  bool in_set_up =
      false; // else when the others acted while the victim stood before its first instruction
};

struct case_report {
  std::string kernel;
  std::string libc;
  std::string subject;
  operation op = operation::unlock;
  std::string scenario;
  ending victim_ends = ending::process_killed;
  std::string policy = "stock";         // who walked the robust lists of the dead
  std::string caveat;                   // why the verdicts may not be what they seem; mostly empty
  std::map<verdict, unsigned> verdicts; // kill points by their (first) verdict
  std::vector<kill_point_report> kill_points; // in the order of the path
  std::vector<violation> violations;
  std::optional<early_finding> without_victim;
  run_facts facts;
  std::vector<premise> missing; // of what `ok` rests on, where a kill point is ok
  double seconds = 0;

  bool has_violations() const { return !violations.empty() || without_victim.has_value(); }
};

struct audit_options {
  std::optional<unsigned> kill_point; // only this one
  bool second_positions = true;       // enumerate the other actor's positions too
  // Of successive kill points at which a death leaves the same to others only the first is tried. Where the victim
  // goes on, only the kill points behind an instruction that meets the others, twice for each instruction.
  bool one_of_a_kind = false;
  // The same only where the other actor's positions are enumerated.
  bool one_of_a_kind_with_second = false;
  // Told what has been done so far, and of how much; may throw to stop the audit.
  std::function<void(std::size_t done, std::size_t of)> progress;
};

// Kills the victim at every kill point of (subject of the stage, operation, scenario). Deterministic:
// two audits of one program list the same violations.
case_report audit_case(stage& st, const scenario& what, operation op, const audit_options& options);

} // namespace heirlock::lab
