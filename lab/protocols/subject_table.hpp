// SPDX-License-Identifier: Apache-2.0
// The table of functions of a protocol's mutex. The functions have names without C++ decoration, for they are what the
// audit's reports show; hence a macro.
#pragma once

#include "lab/protocols/subject_entry.hpp"

// NOLINTBEGIN(bugprone-macro-parentheses): a type cannot stand in them
// NAME is an identifier, MUTEX a class with the members called here.
#define HEIRLOCK_PROTOCOL_SUBJECT(NAME, MUTEX, SHOWN, SUMMARY)                                     \
  HEIRLOCK_MAPPING_PROTOCOL_SUBJECT(NAME, MUTEX, SHOWN, SUMMARY, nullptr, nullptr)
// One whose kernel has to be another: POLICY is the name of its rules.
#define HEIRLOCK_PROTOCOL_SUBJECT_UNDER(POLICY, NAME, MUTEX, SHOWN, SUMMARY)                       \
  HEIRLOCK_PROTOCOL_SUBJECT(NAME, MUTEX, SHOWN, SUMMARY)                                           \
  const char* heirlock_subject_policy() {                                                          \
    return POLICY;                                                                                 \
  }
// One that has mapping calls of its own.
#define HEIRLOCK_MAPPING_PROTOCOL_SUBJECT(NAME, MUTEX, SHOWN, SUMMARY, UNMAP, MAP)                 \
  extern "C" {                                                                                     \
  static int NAME##_thread_enter() {                                                               \
    return MUTEX::thread_enter();                                                                  \
  }                                                                                                \
  static int NAME##_init(void* lock) {                                                             \
    return static_cast<MUTEX*>(lock)->init(), 0;                                                   \
  }                                                                                                \
  static int NAME##_lock(void* lock) {                                                             \
    return static_cast<MUTEX*>(lock)->lock();                                                      \
  }                                                                                                \
  static int NAME##_trylock(void* lock) {                                                          \
    return static_cast<MUTEX*>(lock)->trylock();                                                   \
  }                                                                                                \
  static int NAME##_timedlock(void* lock, const timespec* deadline) {                              \
    return static_cast<MUTEX*>(lock)->timedlock(*deadline);                                        \
  }                                                                                                \
  static int NAME##_unlock(void* lock) {                                                           \
    return static_cast<MUTEX*>(lock)->unlock();                                                    \
  }                                                                                                \
  static int NAME##_consistent(void* lock) {                                                       \
    return static_cast<MUTEX*>(lock)->consistent();                                                \
  }                                                                                                \
  static int NAME##_destroy(void* lock) {                                                          \
    return static_cast<MUTEX*>(lock)->destroy();                                                   \
  }                                                                                                \
  static pid_t NAME##_owner(const void* lock) {                                                    \
    return static_cast<const MUTEX*>(lock)->owner();                                               \
  }                                                                                                \
  }                                                                                                \
  const heirlock_subject* heirlock_subject_entry() {                                               \
    static constexpr heirlock_subject subject = {                                                  \
        HEIRLOCK_SUBJECT_ABI,                                                                      \
        sizeof(MUTEX),                                                                             \
        SHOWN,                                                                                     \
        SUMMARY,                                                                                   \
        NAME##_thread_enter,                                                                       \
        NAME##_init,                                                                               \
        NAME##_lock,                                                                               \
        NAME##_trylock,                                                                            \
        NAME##_timedlock,                                                                          \
        NAME##_unlock,                                                                             \
        NAME##_consistent,                                                                         \
        NAME##_destroy,                                                                            \
        NAME##_owner,                                                                              \
        UNMAP,                                                                                     \
        MAP,                                                                                       \
        1,                                                                                         \
    };                                                                                             \
    return &subject;                                                                               \
  }
// NOLINTEND(bugprone-macro-parentheses)
