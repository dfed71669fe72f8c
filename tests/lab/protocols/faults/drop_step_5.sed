# SPDX-License-Identifier: Apache-2.0
# Nobody is woken.
s/^ *syscall.*step 5.*/        nop/
