// SPDX-License-Identifier: Apache-2.0
// expect: royong: a raw pointer cannot cross a process boundary
#include <string>

#include "royong/manager.hpp"

// The server has another address space.
auto make(const royong::Manager& manager) { return manager.dict<std::string, int*>(); }
