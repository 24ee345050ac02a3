// SPDX-License-Identifier: Apache-2.0
#include "channel/frame.hpp"

#include <algorithm>  // for std::max, std::min
#include <cstring>    // for std::memcpy
#include <string>     // for std::to_string

#include "channel/handshake.hpp"

namespace royong::inline v0::channel {
namespace {

constexpr std::array<char, 4> frame_magic{'R', 'Y', 'F', '1'};
constexpr std::size_t first_room = std::size_t{64} * 1024;

}  // namespace

FrameBytes encode_frame_header(const FrameHeader& header) noexcept {
  FrameBytes bytes;
  std::memcpy(bytes.data(), frame_magic.data(), 4);
  std::memcpy(bytes.data() + 4, &header.flags, 4);
  std::memcpy(bytes.data() + 8, &header.length, 8);
  std::memcpy(bytes.data() + 16, &header.type, 8);
  return bytes;
}

FrameHeader decode_frame_header(std::span<const std::byte, frame_header_size> bytes) {
  if (std::memcmp(bytes.data(), frame_magic.data(), 4) != 0) {
    throw_if_refusal(bytes);
    throw TransferError("malformed message: what came is not the beginning of a frame");
  }
  FrameHeader header;
  std::memcpy(&header.flags, bytes.data() + 4, 4);
  std::memcpy(&header.length, bytes.data() + 8, 8);
  std::memcpy(&header.type, bytes.data() + 16, 8);
  if ((header.flags & ~FrameHeader::with_descriptor) != 0) {
    throw TransferError("malformed message: unknown flags in the header of a frame");
  }
  if (header.length > longest_frame) {
    throw TransferError("malformed message: a frame announces " + std::to_string(header.length) +
                        " bytes");
  }
  return header;
}

std::span<std::byte> FrameReader::room() {
  if (in_header_ < frame_header_size) return std::span(header_bytes_).subspan(in_header_);
  if (in_body_ == body_.size()) {
    const auto wanted = std::min<std::uint64_t>(header_.length, std::max(first_room, 2 * in_body_));
    body_.resize(static_cast<std::size_t>(wanted));
  }
  return std::span(body_).subspan(in_body_);
}

bool FrameReader::advance(std::size_t count) {
  if (in_header_ < frame_header_size) {
    in_header_ += count;
    if (in_header_ < frame_header_size) return false;
    header_ = decode_frame_header(header_bytes_);
    if (header_.length > longest_) {
      throw FrameTooLong("bad message length: " + std::to_string(header_.length) +
                         " bytes come where at most " + std::to_string(longest_) +
                         " are wanted; this end can receive no more");
    }
  } else {
    in_body_ += count;
  }
  return in_body_ == header_.length;
}

}  // namespace royong::inline v0::channel
