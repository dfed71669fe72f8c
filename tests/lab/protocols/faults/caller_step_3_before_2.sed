# SPDX-License-Identifier: Apache-2.0
# Published before the unlink. No kill can show it: the instruction pointer is not in the range yet.
/thread_list.hpp"/a\#include "lab/protocols/rseq_rl_cs/thread_area.hpp"\n#include "lab/protocols/rseq_rl_cs/transaction.h"
/\/\/ 2$/i\    rseq_rl_cs_publish(&this_thread_area(), __start___rseq_rl_cs);
