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
/// Of a body, in the first `shortest_frame` bytes.
constexpr std::size_t most_in_first = shortest_frame - frame_header_size;

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

std::span<const std::byte> padding_behind(std::uint64_t length) noexcept {
  static constexpr std::array<std::byte, most_in_first> zeros{};
  return std::span(zeros).subspan(
      static_cast<std::size_t>(std::min<std::uint64_t>(length, most_in_first)));
}

std::span<std::byte> FrameReader::room() {
  if (in_first_ < shortest_frame) return std::span(first_).subspan(in_first_);
  if (drops_body_) {
    const auto rest = std::min<std::uint64_t>(header_.length - in_body_, body_.size() - kept_);
    return std::span(body_).subspan(kept_, static_cast<std::size_t>(rest));
  }
  if (in_body_ == body_.size()) {
    const auto wanted = std::min<std::uint64_t>(header_.length, std::max(first_room, 2 * in_body_));
    body_.resize(static_cast<std::size_t>(wanted));
  }
  return std::span(body_).subspan(in_body_);
}

void FrameReader::drop_body(std::size_t kept) {
  kept_ = std::min(kept, body_so_far());
  drops_body_ = true;
  body_.resize(kept_ + first_room);
  body_.shrink_to_fit();
}

bool FrameReader::advance(std::size_t count) {
  if (in_first_ == shortest_frame) {
    in_body_ += count;
    return complete();
  }
  const bool had_header = in_first_ >= frame_header_size;
  in_first_ += count;
  if (in_first_ < frame_header_size) return false;
  if (!had_header) {
    // As soon as it is there: a refusal is no longer than that.
    header_ = decode_frame_header(std::span(first_).first<frame_header_size>());
    if (header_.length > longest_) {
      throw FrameTooLong("bad message length: " + std::to_string(header_.length) +
                         " bytes come where at most " + std::to_string(longest_) +
                         " are wanted; this end can receive no more");
    }
  }
  if (in_first_ < shortest_frame) return false;
  in_body_ = static_cast<std::size_t>(std::min<std::uint64_t>(header_.length, most_in_first));
  if (!drops_body_) {
    const auto* body = first_.data() + frame_header_size;
    body_.assign(body, body + in_body_);
  }
  return complete();
}

bool FrameReader::complete() {
  if (in_body_ != header_.length) return false;
  if (drops_body_) body_.resize(kept_);
  return true;
}

}  // namespace royong::inline v0::channel
