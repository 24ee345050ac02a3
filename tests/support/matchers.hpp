// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Expectations that googletest lacks.
 */
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

/// Expects the statement to throw exactly this type or one derived from it, with a text that contains the substring.
#define EXPECT_THROW_MESSAGE(statement, Type, substring)             \
  EXPECT_THROW(                                                      \
      try { statement; } catch (const Type& caught) {                \
        EXPECT_THAT(caught.what(), ::testing::HasSubstr(substring)); \
        throw;                                                       \
      },                                                             \
      Type)
