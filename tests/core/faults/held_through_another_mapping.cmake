# A release through another mapping leaves the first one for locked.
set(FILE src/core/mutex_ops.cpp)
set(SOUND [=[  if (number == bits::bell_of(self.mine)) self.held = nullptr;]=])
set(FAULTY [=[]=])
set(FOUND_BY test *TwoMappings*Asymmetric)
