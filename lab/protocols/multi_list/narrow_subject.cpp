// SPDX-License-Identifier: Apache-2.0
// Subject `list-32`: the mutex of `robust-list` on a 32-bit list of a 64-bit process, beside its C library's own: the
// locks of a 32-bit program that an emulator runs.
#include "lab/protocols/multi_list/narrow_list.hpp"
#include "lab/protocols/robust_list/classic_release.hpp"
#include "lab/protocols/robust_list/robust_mutex.hpp"
#include "lab/protocols/subject_table.hpp"

namespace {
namespace robust = heirlock::lab::robust;
using mutex = robust::robust_mutex<robust::classic_release, robust::narrow_list>;
} // namespace

HEIRLOCK_MAPPING_PROTOCOL_SUBJECT(
    list_32, mutex, "list-32",
    "robust list of a 32-bit program that a 64-bit process emulates, beside "
    "the C library's",
    robust::narrow_munmap, robust::narrow_mmap)

const char* heirlock_subject_policy() {
  return "multi-list";
}

extern "C" [[gnu::visibility("default")]] int heirlock_subject_prepare();
int heirlock_subject_prepare() {
  return robust::map_low_memory();
}
