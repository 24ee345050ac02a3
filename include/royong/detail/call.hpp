// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief A call that crosses: callable and arguments as bytes, and the thunk that runs them over there.
 */
#pragma once

#include "royong/detail/archive.hpp"
#include "royong/detail/function_id.hpp"

namespace royong::inline v0::detail {

/// What runs a call in the worker: reads the callable's state and the arguments from `in`, calls, writes the result to `out`.
using CallThunk = void (*)(Reader& in, Writer& out);

/// Writes the thunk's FunctionId, the callable's bound state and the arguments.
/// template <class F, class... Args> void write_call(Writer& out, const F& f, Args&&... args);
/// template <class F, class... Args> using CallResult = ...;   // decayed result type

/// Runs the call in `in`, writes the result (nothing for void). @throws TransferError, or what the function throws
ROYONG_API void run_call(Reader& in, Writer& out);

}  // namespace royong::inline v0::detail
