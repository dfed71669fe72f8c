// SPDX-License-Identifier: Apache-2.0
// Subject `hazard-pointer-cpu`: hazard pointers in the line of the processor on which the thread begins its unlock.
//
//   0. claim a slot: slot = mutex    1 to 6. the classic unlock    7. slot = 0
//   destroy: D2. for each slot of each processor: busy-wait while it is this mutex
//
// hazard_lines.hpp says what becomes of a thread that is preempted or migrated between 0 and 7.
#include "lab/protocols/hazard_pointer/place_hazard.hpp"
#include "lab/protocols/hazard_pointer/rseq_place.hpp"
#include "lab/protocols/subject_table.hpp"

namespace {
using heirlock::lab::rseq_fields;
using cpu = heirlock::lab::rseq_place<&rseq_fields::cpu_id, offsetof(rseq_fields, rseq_cs)>;
using mutex = heirlock::lab::robust::guarded_mutex<heirlock::lab::place_hazard<cpu>>;
} // namespace

HEIRLOCK_PROTOCOL_SUBJECT(hazard_pointer_cpu, mutex, "hazard-pointer-cpu",
                          "robust list, with hazard pointers for each processor; destroy scans "
                          "them")
