// SPDX-License-Identifier: Apache-2.0
// expect: royong: a raw pointer cannot cross a process boundary
#include "royong/shared.hpp"

struct Node {
  int number;
  Node* next;
};

int main() { royong::Value<Node> value; }
