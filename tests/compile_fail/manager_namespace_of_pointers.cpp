// SPDX-License-Identifier: Apache-2.0
// expect: royong: a raw pointer cannot cross a process boundary
#include "royong/manager/namespace.hpp"

void set(const royong::Namespace& ns, int* pointer) { ns["pointer"] = pointer; }
