// SPDX-License-Identifier: Apache-2.0
#include <cxxabi.h>
#include <dlfcn.h>
#include <unwind.h>

#include <array>        // for std::array
#include <span>         // for std::span
#include <string_view>  // for std::string_view
#include <utility>      // for std::exchange

#include "royong/detail/exception.hpp"
#include "transfer/symbols.hpp"

namespace royong::inline v0::transfer {
namespace {

/// The stack at the last throw that was about to leave a traced call.
struct Trace {
  std::array<void*, 96> frames;
  std::size_t count = 0;
};

thread_local Trace* current_trace = nullptr;

_Unwind_Reason_Code take_frame(_Unwind_Context* context, void* data) {
  auto& trace = *static_cast<Trace*>(data);
  if (trace.count == trace.frames.size()) return _URC_END_OF_STACK;
  int before = 0;
  const _Unwind_Ptr place = _Unwind_GetIPInfo(context, &before);
  // A return address may already belong to the next line, or function: the call is one byte before.
  trace.frames[trace.count++] = reinterpret_cast<void*>(place - (before != 0 ? 0 : 1));
  return _URC_NO_REASON;
}

/// The functions between a `throw` and the unwinder; a sanitizer has one of its own.
bool is_throwing_function(void* place) {
  Dl_info info{};
  if (::dladdr(place, &info) == 0 || info.dli_sname == nullptr) return false;
  const std::string_view name = info.dli_sname;
  return name.ends_with("__cxa_throw") || name.ends_with("__cxa_rethrow") ||
         name.find("rethrow_exception") != std::string_view::npos;
}

/// The frames of the program: without the machinery of the throw above, and our own callers below.
std::span<void* const> frames_of_program(const Trace& trace, const void* bottom) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i < trace.count && i < 10; ++i) {
    if (is_throwing_function(trace.frames[i])) begin = i + 1;
  }
  std::size_t end = begin;
  while (end < trace.count && _Unwind_FindEnclosingFunction(trace.frames[end]) != bottom) ++end;
  return std::span(trace.frames).subspan(begin, end - begin);
}

}  // namespace

extern "C" {

#if defined(__x86_64__) && defined(__linux__)
void royong_v0_call_traced(void (*function)(void*), void* context);
#else
// No assembly for this machine: the call works, the traceback stays empty.
static void royong_v0_call_traced(void (*function)(void*), void* context) { function(context); }
#endif

/// Called by the unwinder for the frame of royong_v0_call_traced. Never stops the exception.
__attribute__((visibility("hidden"))) _Unwind_Reason_Code royong_v0_trace_personality(
    int, _Unwind_Action actions, _Unwind_Exception_Class, _Unwind_Exception*, _Unwind_Context*) {
  if ((actions & _UA_SEARCH_PHASE) != 0 && current_trace != nullptr) {
    current_trace->count = 0;
    _Unwind_Backtrace(&take_frame, current_trace);
  }
  return _URC_CONTINUE_UNWIND;
}

}  // extern "C"

}  // namespace royong::inline v0::transfer

namespace royong::inline v0::detail {

// The object of a forced unwind is no object at all: gcc binds the reference to null.
__attribute__((no_sanitize("undefined"))) std::exception_ptr call_with_frames(
    void (*function)(void*), void* context, Frames& frames) {
  using namespace transfer;
  Trace trace;
  struct Restore {
    Trace* outer;
    ~Restore() { current_trace = outer; }
  } restore{std::exchange(current_trace, &trace)};
  try {
    royong_v0_call_traced(function, context);
    return nullptr;
  } catch (abi::__forced_unwind&) {
    throw;  // the thread is being cancelled
  } catch (...) {
    try {
      const auto* bottom = reinterpret_cast<const void*>(&royong_v0_call_traced);
      const auto own = frames_of_program(trace, bottom);
      frames.assign(own.begin(), own.end());
    } catch (const std::exception&) {
      // Out of memory, perhaps for the same reason as the call: the exception matters more.
    }
    return std::current_exception();
  }
}

Caught call_with_trace(void (*function)(void*), void* context) {
  Frames frames;
  Caught caught{call_with_frames(function, context, frames), {}};
  try {
    if (caught) caught.traceback = transfer::describe_frames(frames);
  } catch (const std::exception&) {
    // Likewise.
  }
  return caught;
}

}  // namespace royong::inline v0::detail
