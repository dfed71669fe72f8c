/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The robust list unlock transaction of restartable sequences: the interface between a thread and the
 * kernel that was proposed on the kernel's mailing list on 1 March 2026, byte for byte but for the two fields at the end of the area.
 *
 * The thread keeps, beside the fields that the kernel's rseq area has already, one pointer to a descriptor.
 * The descriptor says between which instructions a robust lock is released while the pending operation of
 * the robust list still names it. A kernel that ends the thread there must not act on the pending operation:
 * the lock's memory may belong to somebody else by then.
 *
 * Usable from C and from C++, on any architecture. The assembler forms use the RSEQ_RL_CS_*_OFFSET numbers.
 */
#ifndef HEIRLOCK_LAB_RSEQ_RL_CS_H
#define HEIRLOCK_LAB_RSEQ_RL_CS_H

/* Offsets for assembler; checked against the structures below. */
#define RSEQ_RL_CS_VERSION_OFFSET 0
#define RSEQ_RL_CS_FLAGS_OFFSET 4
#define RSEQ_RL_CS_POST_COND_STORE_IP_OFFSET 8
#define RSEQ_RL_CS_POST_SUCCESS_IP_OFFSET 16
#define RSEQ_RL_CS_POST_CLEAR_OP_PENDING_IP_OFFSET 24
#define RSEQ_RL_CS_SIZE 32
#define RSEQ_AREA_RSEQ_RL_CS_OFFSET 32

/* The only version of the descriptor, and the flags that it may have: none is defined. */
#define RSEQ_RL_CS_VERSION 0
#define RSEQ_RL_CS_FLAGS_KNOWN 0

/* A registered area covers the new field when it is at least this long. */
#define RSEQ_AREA_SIZE_WITH_RL_CS (RSEQ_AREA_RSEQ_RL_CS_OFFSET + 8)
/* ... and the fields behind it, which are not in the proposal. */
#define RSEQ_AREA_SIZE_WITH_RL_LAST (RSEQ_AREA_SIZE_WITH_RL_CS + 12)

#ifndef __ASSEMBLER__

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#define RSEQ_RL_CS_ASSERT(condition, text) static_assert(condition, text)
#define RSEQ_RL_CS_ALIGNED(bytes) alignas(bytes)
#define RSEQ_RL_CS_ALIGNMENT(type) alignof(type)
#else
#define RSEQ_RL_CS_ASSERT(condition, text) _Static_assert(condition, text)
#define RSEQ_RL_CS_ALIGNED(bytes) _Alignas(bytes)
#define RSEQ_RL_CS_ALIGNMENT(type) _Alignof(type)
#endif

/*
 * A thread with instruction pointer IP is within the transaction when
 *     post_cond_store_ip <= IP < post_success_ip   and the store-conditional has succeeded, or
 *     post_success_ip    <= IP < post_clear_op_pending_ip.
 */
struct rseq_rl_cs {
  RSEQ_RL_CS_ALIGNED(32) uint32_t version;
  uint32_t flags;
  /* After the instruction that releases the lock, or that tries to (store-conditional). */
  uint64_t post_cond_store_ip;
  /*
   * After the branch that leads back when the store-conditional failed. Equal to post_cond_store_ip where
   * the releasing instruction cannot fail.
   */
  uint64_t post_success_ip;
  /* After the store that clears the pending operation, which ends the transaction. */
  uint64_t post_clear_op_pending_ip;
};

/* The per-thread area as Linux 7.0 registers it, with the proposed field in its place. */
struct rseq_area {
  RSEQ_RL_CS_ALIGNED(32) uint32_t cpu_id_start;
  uint32_t cpu_id;
  uint64_t rseq_cs;
  uint32_t flags;
  uint32_t node_id;
  uint32_t mm_cid;
  uint32_t slice_ctrl;
  /* Address of the descriptor of the transaction that may be active, or 0. */
  uint64_t rseq_rl_cs;
  /*
   * Not in the proposal: where the robust list ends, so that a kernel that faults on its way can go on from
   * there (docs/rseq_rl_cs.md). rl_last is 0 while the list is empty; rl_back_offset is 0 in a thread whose list
   * is linked in one direction only. Bit 0 of rl_last and of the pointers back means what it means in the links:
   * priority inheritance. Lists that are in use leave it out of their pointers back (glibc's does). A walk that
   * comes that way then offers a wake that FUTEX_WAKE refuses where priority-inheritance waiters sleep; it marks
   * the lock no differently.
   */
  uint64_t rl_last;       /* address of the last entry's link */
  int32_t rl_back_offset; /* from an entry's link to its pointer to the link before it, in bytes */
};

RSEQ_RL_CS_ASSERT(sizeof(struct rseq_rl_cs) == RSEQ_RL_CS_SIZE, "four 64-bit words");
RSEQ_RL_CS_ASSERT(RSEQ_RL_CS_ALIGNMENT(struct rseq_rl_cs) == 32, "never crosses a cache line");
RSEQ_RL_CS_ASSERT(offsetof(struct rseq_rl_cs, version) == RSEQ_RL_CS_VERSION_OFFSET, "ABI");
RSEQ_RL_CS_ASSERT(offsetof(struct rseq_rl_cs, flags) == RSEQ_RL_CS_FLAGS_OFFSET, "ABI");
RSEQ_RL_CS_ASSERT(offsetof(struct rseq_rl_cs, post_cond_store_ip) ==
                      RSEQ_RL_CS_POST_COND_STORE_IP_OFFSET,
                  "ABI");
RSEQ_RL_CS_ASSERT(offsetof(struct rseq_rl_cs, post_success_ip) == RSEQ_RL_CS_POST_SUCCESS_IP_OFFSET,
                  "ABI");
RSEQ_RL_CS_ASSERT(offsetof(struct rseq_rl_cs, post_clear_op_pending_ip) ==
                      RSEQ_RL_CS_POST_CLEAR_OP_PENDING_IP_OFFSET,
                  "ABI");
RSEQ_RL_CS_ASSERT(RSEQ_RL_CS_ALIGNMENT(struct rseq_area) == 32, "the area's original alignment");
RSEQ_RL_CS_ASSERT(offsetof(struct rseq_area, cpu_id_start) == 0, "the kernel's layout");
RSEQ_RL_CS_ASSERT(offsetof(struct rseq_area, cpu_id) == 4, "the kernel's layout");
RSEQ_RL_CS_ASSERT(offsetof(struct rseq_area, rseq_cs) == 8, "the kernel's layout");
RSEQ_RL_CS_ASSERT(offsetof(struct rseq_area, flags) == 16, "the kernel's layout");
RSEQ_RL_CS_ASSERT(offsetof(struct rseq_area, node_id) == 20, "the kernel's layout");
RSEQ_RL_CS_ASSERT(offsetof(struct rseq_area, mm_cid) == 24, "the kernel's layout");
RSEQ_RL_CS_ASSERT(offsetof(struct rseq_area, slice_ctrl) == 28, "the kernel's layout");
RSEQ_RL_CS_ASSERT(offsetof(struct rseq_area, rseq_rl_cs) == RSEQ_AREA_RSEQ_RL_CS_OFFSET &&
                      offsetof(struct rseq_area, rseq_rl_cs) ==
                          offsetof(struct rseq_area, slice_ctrl) + sizeof(uint32_t),
                  "directly after the slice control");
RSEQ_RL_CS_ASSERT(offsetof(struct rseq_area, rseq_rl_cs) % 8 == 0, "one access reads it whole");
RSEQ_RL_CS_ASSERT(offsetof(struct rseq_area, rl_last) == RSEQ_AREA_SIZE_WITH_RL_CS,
                  "directly after it");
RSEQ_RL_CS_ASSERT(offsetof(struct rseq_area, rl_back_offset) + sizeof(int32_t) ==
                      RSEQ_AREA_SIZE_WITH_RL_LAST,
                  "directly after it");
RSEQ_RL_CS_ASSERT(sizeof(struct rseq_area) == 64, "padded to its alignment");

/* Half of the field, for 32-bit threads. */
typedef uint32_t __attribute__((may_alias)) rseq_rl_cs_half;

/*
 * Publishes a descriptor (or none) with one store. A 32-bit thread stores the low-order half and leaves the
 * high-order half at the 0 that it was initialised to, so that a 64-bit kernel never sees half an address.
 * volatile, not atomic: the only reader is the kernel, acting for this very thread.
 */
static inline void rseq_rl_cs_publish(struct rseq_area* area, const struct rseq_rl_cs* descriptor) {
#if UINTPTR_MAX == UINT64_MAX
  volatile uint64_t* field = &area->rseq_rl_cs;
#else
  volatile rseq_rl_cs_half* field = (volatile rseq_rl_cs_half*)&area->rseq_rl_cs;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  ++field;
#endif
#endif
  *field = (uintptr_t)descriptor;
}

/* What a kernel that knows this version says of a descriptor. */
enum rseq_rl_cs_verdict {
  RSEQ_RL_CS_ACCEPTED,
  /* Acting on the half of a descriptor that one understands would be guessing: refused. */
  RSEQ_RL_CS_UNKNOWN_VERSION,
  RSEQ_RL_CS_UNKNOWN_FLAGS
};

static inline enum rseq_rl_cs_verdict rseq_rl_cs_check(const struct rseq_rl_cs* descriptor) {
  if (descriptor->version != RSEQ_RL_CS_VERSION) return RSEQ_RL_CS_UNKNOWN_VERSION;
  if ((descriptor->flags & ~(uint32_t)RSEQ_RL_CS_FLAGS_KNOWN) != 0) return RSEQ_RL_CS_UNKNOWN_FLAGS;
  return RSEQ_RL_CS_ACCEPTED;
}

#ifdef __cplusplus
}
#endif

#endif /* __ASSEMBLER__ */
#endif
