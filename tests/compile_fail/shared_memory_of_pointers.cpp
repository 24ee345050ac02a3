// SPDX-License-Identifier: Apache-2.0
// expect: royong: a raw pointer cannot cross a process boundary
#include "royong/shared_memory.hpp"

void* first(const royong::SharedMemory& memory) { return memory.as<void*>()[0]; }
