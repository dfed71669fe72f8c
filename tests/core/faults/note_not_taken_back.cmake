# A lock that was refused stays noted as held: in the asymmetric mode an unlock then releases the owner's.
set(FILE include/heirlock/detail/fast_path.hpp)
set(SOUND [=[    self.held = nullptr;
    return false;]=])
set(FAULTY [=[    return false;]=])
set(FOUND_BY test *ARefusedLockLeavesNoTrace*)
