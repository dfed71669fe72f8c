/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/subjects/builtin.h"

#include <string.h>

#include "lab/subjects/builtin_tables.h"

const struct heirlock_subject* heirlock_builtin_subject_at(unsigned index) {
  if (index < heirlock_pthread_subject_count) return &heirlock_pthread_subjects[index];
  index -= heirlock_pthread_subject_count;
  return index < heirlock_own_subject_count ? &heirlock_own_subjects[index] : NULL;
}

const struct heirlock_subject* heirlock_builtin_subject(const char* name) {
  const struct heirlock_subject* each;
  for (unsigned i = 0; (each = heirlock_builtin_subject_at(i)) != NULL; ++i)
    if (strcmp(each->name, name) == 0) return each;
  return NULL;
}

int (*heirlock_builtin_prepare(const struct heirlock_subject* builtin, int with_backstop))(void) {
  return heirlock_own_prepare(builtin, with_backstop);
}

const struct heirlock_storm_hooks* heirlock_builtin_storm(const struct heirlock_subject* builtin) {
  return heirlock_own_storm(builtin);
}
