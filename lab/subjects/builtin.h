/* SPDX-License-Identifier: Apache-2.0 */
/* The subjects that are linked into the actor program: the mutexes of whatever libc it runs on, and heirlock's own. */
#ifndef HEIRLOCK_LAB_BUILTIN_H
#define HEIRLOCK_LAB_BUILTIN_H

#include "lab/subjects/storm_hooks.h"
#include "lab/subjects/subject.h"

#ifdef __cplusplus
extern "C" {
#endif

/* NULL when there is none of that name. */
const struct heirlock_subject* heirlock_builtin_subject(const char* name);

/* The subject with that index, NULL behind the last. */
const struct heirlock_subject* heirlock_builtin_subject_at(unsigned index);

/* Its heirlock_subject_prepare, or its heirlock_subject_prepare_with_backstop; NULL when it has none. */
int (*heirlock_builtin_prepare(const struct heirlock_subject* builtin, int with_backstop))(void);

/* What it adds for storms, NULL when nothing. */
const struct heirlock_storm_hooks* heirlock_builtin_storm(const struct heirlock_subject* builtin);

#ifdef __cplusplus
}
#endif

#endif
