// SPDX-License-Identifier: Apache-2.0
// expect: royong: a Process, pool, executor, Listener, Manager or Future is at home in the process that made it
#include <utility>

#include "royong/connection.hpp"
#include "royong/process.hpp"

void accept(royong::Listener listener) { listener.accept(); }

royong::Process serve(royong::Listener listener) {
  return royong::Process(accept, std::move(listener));
}
