# SPDX-License-Identifier: Apache-2.0
# Lock and trylock announce nothing.
/\/\/ L1$/d
