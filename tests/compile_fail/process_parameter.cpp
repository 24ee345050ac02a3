// SPDX-License-Identifier: Apache-2.0
// expect: royong: a Process, pool, executor, Listener, Manager or Future is at home in the process that made it
#include <utility>

#include "royong/process.hpp"

void watch(royong::Process other) { other.join(); }

royong::Process watched(royong::Process process) {
  return royong::Process(watch, std::move(process));
}
