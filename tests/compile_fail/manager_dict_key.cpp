// SPDX-License-Identifier: Apache-2.0
// expect: royong: a key of a ManagerDict and an element of a ManagerSet need std::hash and ==, or <
#include "royong/manager.hpp"

struct Point {
  int x;
  int y;
};

// Nothing says when two points are the same.
auto make(const royong::Manager& manager) { return manager.dict<Point, int>(); }
