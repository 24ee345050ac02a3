// SPDX-License-Identifier: Apache-2.0
// What a new process is told, with any bytes whatever: decoded, or refused with TransferError.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "process/startup.hpp"
#include "royong/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    (void)royong::detail::decode_startup(std::as_bytes(std::span(data, size)));
  } catch (const royong::TransferError&) {
  }
  try {
    (void)royong::detail::decode_marker({reinterpret_cast<const char*>(data), size});
  } catch (const royong::TransferError&) {
  }
  return 0;
}
