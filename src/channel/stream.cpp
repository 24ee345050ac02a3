// SPDX-License-Identifier: Apache-2.0
#include "channel/stream.hpp"

#include "os/stream_socket.hpp"

namespace royong::inline v0::channel {
namespace {

class PlainStream final : public Stream {
 public:
  using Stream::Stream;

  Progress begin() override { return {}; }
  Progress read_some(std::span<std::byte> room, os::Fd* descriptor) override {
    return progress(os::receive_some(fd(), room, descriptor), POLLIN);
  }
  Progress write_some(std::span<iovec> parts, int descriptor) override {
    return progress(os::send_some(fd(), parts, descriptor), POLLOUT);
  }
  bool has_buffered() noexcept override { return false; }
  bool can_travel() const noexcept override { return true; }
  void end() noexcept override {}

 private:
  static Progress progress(os::Transferred done, short wants) noexcept {
    return {done.bytes, done.ended, done.bytes == 0 && !done.ended ? wants : short{0}};
  }
};

}  // namespace

std::unique_ptr<Stream> plain_stream(os::Fd socket) {
  return std::make_unique<PlainStream>(std::move(socket));
}

}  // namespace royong::inline v0::channel
