// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Exceptions as bytes, and the stack at the point of their throw.
 */
#pragma once

#include <exception>    // for std::exception_ptr
#include <string>       // for std::string
#include <string_view>  // for std::string_view
#include <type_traits>  // for std::remove_reference_t
#include <vector>       // for std::vector

#include "royong/detail/archive.hpp"
#include "royong/detail/config.hpp"

namespace royong::inline v0::detail {

/// What came out of a call.
struct Caught {
  std::exception_ptr error;  ///< null: the call returned
  /// the stack at the throw, a frame a line; empty where it cannot be taken
  std::string traceback;

  explicit operator bool() const noexcept { return error != nullptr; }
};

/** @brief Calls `function(context)` and catches whatever escapes, with the stack as it was at the
 *  throw.
 *
 *  Exceptions caught inside cost nothing more than ever. Cancellation of the thread
 *  (`pthread_cancel`, `pthread_exit`) is not an exception and passes
 *  through. Reentrant; any number of threads.
 */
ROYONG_API Caught call_with_trace(void (*function)(void*), void* context);

template <class F>
Caught call_with_trace(F&& function) {
  using Function = std::remove_reference_t<F>;
  return call_with_trace([](void* context) { (*static_cast<Function*>(context))(); },
                         const_cast<void*>(static_cast<const void*>(&function)));
}

/// Addresses of this process, the innermost first: what transfer::describe_frames makes lines of.
using Frames = std::vector<void*>;

/// `call_with_trace` for those who cannot wait until the stack is text. @param frames the stack at the throw
ROYONG_API std::exception_ptr call_with_frames(void (*function)(void*), void* context,
                                               Frames& frames);

/** @brief Writes an exception, with all that are nested in it.
 *  @param traceback of the outermost; `Caught::traceback`
 *  @param process   the name of this process, for the text of the RemoteError
 */
ROYONG_API void write_exception(Writer& out, const std::exception_ptr& error,
                                std::string_view traceback = {}, std::string_view process = {});

/** @brief Reads an exception back.
 *
 *  It has the type it was thrown with if that is a type of the standard library, of royong, or
 *  registered; else the nearest standard base. Nested in it
 *  is a RemoteError with the type's name and the traceback, and in that whatever was nested in the
 *  original. What has no standard base is a RemoteError itself.
 *  @throws TransferError malformed bytes
 */
ROYONG_API std::exception_ptr read_exception(Reader& in);

/// Throws what read_exception() reads.
[[noreturn]] ROYONG_API void rethrow_exception_from(Reader& in);

/// One type that register_exception() made known. In a list that only ever grows.
struct RegisteredException {
  const char* name;  ///< of the type, mangled
  /// Writes the state if the exception is of this type. `known` is null for what does not derive
  /// from std::exception.
  bool (*save)(const RegisteredException&, const std::exception* known,
               const std::exception_ptr& error, Writer& out);
  /// Makes the exception, with `cause` nested.
  std::exception_ptr (*load)(const RegisteredException&, Reader& in,
                             const std::exception_ptr& cause);
  RegisteredException* next = nullptr;
};

/// Adds to the list; the entry must live for ever. A later entry of the same name takes precedence.
ROYONG_API void add_registered_exception(RegisteredException& entry) noexcept;

/// What register_exception() did, to be done in every other process of the family.
using ExceptionInstaller = void (*)();
/// Tells the family, now and later members too. Before `init` there is none: then each process comes
/// to the same call by itself. @throws UsageError too many
ROYONG_API void share_exception(ExceptionInstaller install);

/// The exception object as `exception_ptr`, with `cause` nested in it.
template <class E>
std::exception_ptr attach_cause(E error, const std::exception_ptr& cause) {
  try {
    if (!cause) throw error;
    try {
      std::rethrow_exception(cause);
    } catch (...) {
      std::throw_with_nested(std::move(error));
    }
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace royong::inline v0::detail
