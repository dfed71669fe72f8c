# SPDX-License-Identifier: Apache-2.0
# Destroy does not wait.
s|{ wait_for_unlocks(); } // D2|{}|
