// SPDX-License-Identifier: Apache-2.0
#include "mpi/messages.hpp"

#include "royong/detail/exception.hpp"

namespace royong::inline v0::mpi {

using royong::detail::Transit;
using royong::detail::Writer;

MessagePtr make_message(Kind kind) {
  auto message = std::make_unique<Writer>(Transit::argument);
  message->write_plain(FrameHead{});
  message->write_plain(kind);
  return message;
}

std::vector<std::byte> write_error(const std::exception_ptr& error, std::string_view process) {
  Writer writer(Transit::argument);
  royong::detail::write_exception(writer, error, {}, process);
  return {writer.bytes().begin(), writer.bytes().end()};
}

std::string text_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    return known.what();
  } catch (...) {
    return "an exception of an unknown type";
  }
}

}  // namespace royong::inline v0::mpi
