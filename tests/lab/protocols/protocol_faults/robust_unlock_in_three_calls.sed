# SPDX-License-Identifier: Apache-2.0
# The contended release is the classic one.
s|::syscall(SYS_futex, &word, FUTEX_WAKE . FUTEX_ROBUST_UNLOCK, 1.*|classic_release::release(word, list); // 5|
