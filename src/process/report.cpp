// SPDX-License-Identifier: Apache-2.0
#include "process/report.hpp"

#include <cxxabi.h>
#include <unistd.h>

#include <exception>
#include <typeinfo>

#include "transfer/symbols.hpp"

namespace royong::inline v0::detail {
namespace {

/// "std::runtime_error: text", then the same for what is nested in it, one a line.
std::string describe_chain(std::exception_ptr error) {
  std::string text;
  while (error) {
    std::exception_ptr cause;
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& e) {
      text += transfer::readable_name(typeid(e)) + ": " + e.what() + "\n";
      try {
        std::rethrow_if_nested(e);
      } catch (...) {
        cause = std::current_exception();
      }
    } catch (...) {
      const std::type_info* type = abi::__cxa_current_exception_type();
      text += (type != nullptr ? transfer::readable_name(*type) : "an exception") + "\n";
    }
    if (cause) text += "caused by ";
    error = cause;
  }
  return text;
}

}  // namespace

void report_exception(const std::string& process, const Caught& caught) noexcept {
  try {
    std::string text = "Process " + process + ":\n";
    if (!caught.traceback.empty()) {
      text += "Traceback (innermost call first):\n" + caught.traceback;
      if (!text.ends_with('\n')) text += '\n';
    }
    text += describe_chain(caught.error);
    (void)!::write(STDERR_FILENO, text.data(), text.size());
  } catch (const std::exception&) {
    // Out of memory: the exit code still tells.
  }
}

}  // namespace royong::inline v0::detail
