// SPDX-License-Identifier: Apache-2.0
// Subject `hazard-pointer-mm-cid`: hazard pointers in the line of the concurrency id that the thread has when it begins
// its unlock. The kernel keeps these ids as low as the number of threads and of processors allows, so that few lines
// are in use where a machine is large and a process is not.
//
//   0. claim a slot: slot = mutex    1 to 6. the classic unlock    7. slot = 0
//   destroy: D2. for each slot of each id that was ever used: busy-wait while it is this mutex
//
// hazard_lines.hpp says what becomes of a thread that is preempted or migrated between 0 and 7.
#include "lab/protocols/hazard_pointer/place_hazard.hpp"
#include "lab/protocols/hazard_pointer/rseq_place.hpp"
#include "lab/protocols/subject_table.hpp"

namespace {
using heirlock::lab::rseq_fields;
using mm_cid = heirlock::lab::rseq_place<&rseq_fields::mm_cid,
                                         offsetof(rseq_fields, mm_cid) + sizeof(std::uint32_t)>;
using mutex = heirlock::lab::robust::guarded_mutex<heirlock::lab::place_hazard<mm_cid>>;
} // namespace

HEIRLOCK_PROTOCOL_SUBJECT(hazard_pointer_mm_cid, mutex, "hazard-pointer-mm-cid",
                          "robust list, with hazard pointers for each concurrency id; destroy "
                          "scans them")
