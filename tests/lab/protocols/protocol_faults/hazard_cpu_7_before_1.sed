# SPDX-License-Identifier: Apache-2.0
# The slot is given back before the unlock.
/\/\/ 7$/d
s|^\( *\)const int error = inner_.unlock();.*|\1guard_.leave(token); // 7\n&|
