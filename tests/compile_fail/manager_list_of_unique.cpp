// SPDX-License-Identifier: Apache-2.0
// expect: royong: an object of a manager keeps its elements and gives copies of them
#include <memory>

#include "royong/manager.hpp"

// Transferable, but the list keeps what `get` would have to give away.
auto make(const royong::Manager& manager) { return manager.list<std::unique_ptr<int>>(); }
