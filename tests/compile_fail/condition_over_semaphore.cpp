// SPDX-License-Identifier: Apache-2.0
// expect: royong: a Condition waits with a Lock or an RLock of royong's
#include "royong/condition.hpp"
#include "royong/semaphore.hpp"

// Nobody owns a semaphore: there is nothing that `wait` could check.
royong::Condition make(const royong::Semaphore& permits) { return royong::Condition(permits); }
