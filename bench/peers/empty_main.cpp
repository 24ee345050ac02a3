// SPDX-License-Identifier: Apache-2.0
// The smallest ordinary C++ program: what posix_spawn has to start.
#include <iostream>

int main() { return std::cout.good() ? 0 : 1; }
