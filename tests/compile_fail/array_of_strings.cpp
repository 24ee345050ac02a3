// SPDX-License-Identifier: Apache-2.0
// expect: royong: shared memory holds only trivially copyable types
#include <string>

#include "royong/shared.hpp"

int main() { royong::Array<std::string> array(3); }
