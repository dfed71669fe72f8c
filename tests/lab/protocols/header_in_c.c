/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header as a C library would include it. Compiled for each kind of thread: 64 and 32 bits, either byte order;
 * transaction_test.cpp looks at the store that comes out.
 */
#include "lab/protocols/rseq_rl_cs/rseq_rl_cs.h"

void publish(struct rseq_area* area, const struct rseq_rl_cs* descriptor);

void publish(struct rseq_area* area, const struct rseq_rl_cs* descriptor) {
  rseq_rl_cs_publish(area, descriptor);
}
