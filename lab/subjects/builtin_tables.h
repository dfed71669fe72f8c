/* SPDX-License-Identifier: Apache-2.0 */
/* What builtin.c lists: each file of built-in subjects has one table. */
#ifndef HEIRLOCK_LAB_BUILTIN_TABLES_H
#define HEIRLOCK_LAB_BUILTIN_TABLES_H

#include "lab/subjects/builtin.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const struct heirlock_subject heirlock_pthread_subjects[];
extern const unsigned heirlock_pthread_subject_count;

extern const struct heirlock_subject heirlock_own_subjects[];
extern const unsigned heirlock_own_subject_count;
/* NULL when the subject is not of that table. */
int (*heirlock_own_prepare(const struct heirlock_subject* builtin, int with_backstop))(void);
const struct heirlock_storm_hooks* heirlock_own_storm(const struct heirlock_subject* builtin);

#ifdef __cplusplus
}
#endif

#endif
