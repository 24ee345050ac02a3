// SPDX-License-Identifier: Apache-2.0
#include "royong/royong.hpp"
