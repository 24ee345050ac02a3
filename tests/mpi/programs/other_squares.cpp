// SPDX-License-Identifier: Apache-2.0
// Another program, with another build-id.
#define ANOTHER_PROGRAM
#include "squares.cpp"

const char* const another_program = "so that no linker finds the two alike";
