// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Precompiled for all tests: what nearly every one of them includes. Tests still include what they use.
 */
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>
