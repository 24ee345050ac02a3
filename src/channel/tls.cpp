// SPDX-License-Identifier: Apache-2.0
#include "channel/tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>  // for std::min
#include <climits>    // for INT_MAX
#include <mutex>      // for std::mutex
#include <new>        // for std::bad_alloc

#include "channel/secret.hpp"
#include "os/stream_socket.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::channel {
namespace {

struct Free {
  void operator()(SSL_CTX* context) const noexcept { ::SSL_CTX_free(context); }
  void operator()(SSL* ssl) const noexcept { ::SSL_free(ssl); }
  void operator()(BIO_METHOD* method) const noexcept { ::BIO_meth_free(method); }
  void operator()(SSL_SESSION* session) const noexcept { ::SSL_SESSION_free(session); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

/// The reason of the last failure, as OpenSSL tells it; forgets all of them.
std::string openssl_reason() {
  const unsigned long code = ::ERR_peek_error();
  const char* text = ::ERR_reason_error_string(code);
  ::ERR_clear_error();
  return text != nullptr ? text : "error " + std::to_string(code);
}

[[noreturn]] void throw_setup(const std::string& what) {
  throw ProcessError("cannot " + what + ": " + openssl_reason());
}

// ---- A BIO that neither waits nor raises SIGPIPE: OpenSSL's own for sockets calls write(2). ----

int bio_write(BIO* bio, const char* data, int size) {
  ::BIO_clear_retry_flags(bio);
  iovec part{const_cast<char*>(data), static_cast<std::size_t>(size)};
  try {
    const auto done = os::send_some(static_cast<Stream*>(::BIO_get_data(bio))->fd(), {&part, 1});
    if (done.bytes > 0) return static_cast<int>(done.bytes);
    if (!done.ended) ::BIO_set_retry_write(bio);
  } catch (const std::exception&) {
    // SSL_get_error tells that the call failed; the peer cannot be reached.
  }
  return -1;
}

int bio_read(BIO* bio, char* data, int size) {
  ::BIO_clear_retry_flags(bio);
  try {
    const auto done =
        os::receive_some(static_cast<Stream*>(::BIO_get_data(bio))->fd(),
                         {reinterpret_cast<std::byte*>(data), static_cast<std::size_t>(size)});
    if (done.bytes > 0) return static_cast<int>(done.bytes);
    if (done.ended) return 0;
    ::BIO_set_retry_read(bio);
  } catch (const std::exception&) {
    // As above.
  }
  return -1;
}

long bio_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

const BIO_METHOD* socket_method() {
  static const Owned<BIO_METHOD> method = [] {
    Owned<BIO_METHOD> made(::BIO_meth_new(BIO_TYPE_SOURCE_SINK, "royong socket"));
    if (!made || ::BIO_meth_set_write(made.get(), &bio_write) != 1 ||
        ::BIO_meth_set_read(made.get(), &bio_read) != 1 ||
        ::BIO_meth_set_ctrl(made.get(), &bio_control) != 1) {
      throw std::bad_alloc();
    }
    return made;
  }();
  return method.get();
}

// ---- Keys derived from the authkey ----

constexpr std::string_view psk_name = "royong";

int psk_index() {
  static const int index =
      ::CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL_CTX, 0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// A session that never was: TLS 1.3 takes an external key in this shape.
Owned<SSL_SESSION> psk_session(SSL* ssl) {
  const auto* key =
      static_cast<const Digest*>(::SSL_CTX_get_ex_data(::SSL_get_SSL_CTX(ssl), psk_index()));
  constexpr unsigned char aes_128_gcm_sha256[] = {0x13, 0x01};
  const SSL_CIPHER* cipher = ::SSL_CIPHER_find(ssl, aes_128_gcm_sha256);
  Owned<SSL_SESSION> session(::SSL_SESSION_new());
  if (key == nullptr || cipher == nullptr || !session ||
      ::SSL_SESSION_set1_master_key(
          session.get(), reinterpret_cast<const unsigned char*>(key->data()), key->size()) != 1 ||
      ::SSL_SESSION_set_cipher(session.get(), cipher) != 1 ||
      ::SSL_SESSION_set_protocol_version(session.get(), TLS1_3_VERSION) != 1) {
    return nullptr;
  }
  return session;
}

int use_psk(SSL* ssl, const EVP_MD*, const unsigned char** name, std::size_t* size,
            SSL_SESSION** session) {
  *name = reinterpret_cast<const unsigned char*>(psk_name.data());
  *size = psk_name.size();
  *session = psk_session(ssl).release();
  return *session != nullptr ? 1 : 0;
}

int find_psk(SSL* ssl, const unsigned char* name, std::size_t size, SSL_SESSION** session) {
  const bool known = std::string_view(reinterpret_cast<const char*>(name), size) == psk_name;
  *session = known ? psk_session(ssl).release() : nullptr;
  return 1;
}

// ---- The stream ----

class TlsStream final : public Stream {
 public:
  TlsStream(os::Fd socket, Owned<SSL> ssl) : Stream(std::move(socket)), ssl_(std::move(ssl)) {
    BIO* bio = ::BIO_new(socket_method());
    if (bio == nullptr) throw std::bad_alloc();
    ::BIO_set_data(bio, static_cast<Stream*>(this));
    ::BIO_set_init(bio, 1);
    ::SSL_set_bio(ssl_.get(), bio, bio);  // owns it
  }

  Progress begin() override {
    const std::lock_guard lock(mutex_);
    ::ERR_clear_error();
    const int result = ::SSL_do_handshake(ssl_.get());
    if (result == 1) return {};
    const int error = ::SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_WANT_READ) return {0, false, POLLIN};
    if (error == SSL_ERROR_WANT_WRITE) return {0, false, POLLOUT};
    if (ERR_GET_REASON(::ERR_peek_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
      const long verdict = ::SSL_get_verify_result(ssl_.get());
      ::ERR_clear_error();
      throw AuthenticationError(std::string("the peer's certificate is not accepted: ") +
                                ::X509_verify_cert_error_string(verdict));
    }
    if (error == SSL_ERROR_SSL && !is_end()) {
      throw AuthenticationError("TLS could not be agreed upon: " + openssl_reason());
    }
    ::ERR_clear_error();
    return {0, true, 0};
  }

  Progress read_some(std::span<std::byte> room, os::Fd*) override {
    const std::lock_guard lock(mutex_);
    ::ERR_clear_error();
    std::size_t got = 0;
    const int result = ::SSL_read_ex(ssl_.get(), room.data(), room.size(), &got);
    return result == 1 ? Progress{got, false, 0} : after_failure(result);
  }

  Progress write_some(std::span<iovec> parts, int) override {
    const std::lock_guard lock(mutex_);
    Progress all;
    for (const iovec& part : parts) {
      if (part.iov_len == 0) continue;
      ::ERR_clear_error();
      std::size_t put = 0;
      const int result = ::SSL_write_ex(ssl_.get(), part.iov_base, part.iov_len, &put);
      if (result != 1) {
        const Progress failed = after_failure(result);
        return all.bytes > 0 ? all : failed;
      }
      all.bytes += put;
      if (put < part.iov_len) break;
    }
    return all;
  }

  bool has_buffered() noexcept override {
    const std::lock_guard lock(mutex_);
    // Of half a record the descriptor tells, when the rest comes.
    return ::SSL_pending(ssl_.get()) > 0;
  }
  bool can_travel() const noexcept override { return false; }

  void end() noexcept override {
    const std::lock_guard lock(mutex_);
    ::ERR_clear_error();
    ::SSL_shutdown(ssl_.get());
    ::ERR_clear_error();
  }

 private:
  static bool is_end() noexcept {
    return ERR_GET_REASON(::ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
  }

  Progress after_failure(int result) {
    switch (::SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ: return {0, false, POLLIN};
      case SSL_ERROR_WANT_WRITE: return {0, false, POLLOUT};
      case SSL_ERROR_ZERO_RETURN:
      case SSL_ERROR_SYSCALL: return {0, true, 0};
      default: break;
    }
    if (is_end()) {  // a peer that was killed says no goodbye
      ::ERR_clear_error();
      return {0, true, 0};
    }
    // A client learns only now that its certificate, or its lack of one, was not accepted.
    throw AuthenticationError("TLS has failed: " + openssl_reason());
  }

  std::mutex mutex_;  ///< an SSL object is used by one thread at a time
  Owned<SSL> ssl_;
};

}  // namespace

struct TlsContext::Impl {
  Side side;
  Owned<SSL_CTX> context;
  Digest psk{};
};

bool is_wanted(const Tls& tls) noexcept {
  return tls.psk || !tls.certificate.empty() || !tls.key.empty() || !tls.authority.empty() ||
         !tls.host.empty();
}

TlsContext::TlsContext(Side side, const Tls& tls, const std::optional<std::string>& authkey)
    : impl_(std::make_unique<Impl>()) {
  const bool files = !tls.certificate.empty() || !tls.key.empty() || !tls.authority.empty();
  if (tls.psk && files)
    throw UsageError("TLS takes certificates or keys from the authkey, not both");
  if (tls.psk && (!authkey || authkey->empty())) throw UsageError("TLS by psk needs an authkey");
  if (tls.certificate.empty() != tls.key.empty()) {
    throw UsageError("TLS needs the certificate and its key, or neither");
  }
  if (!tls.psk && side == Side::listener && tls.certificate.empty()) {
    throw UsageError("TLS for a listener needs a certificate, or psk");
  }
  impl_->side = side;
  impl_->context.reset(
      ::SSL_CTX_new(side == Side::listener ? ::TLS_server_method() : ::TLS_client_method()));
  SSL_CTX* context = impl_->context.get();
  if (context == nullptr || ::SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1) {
    throw_setup("prepare TLS 1.3");
  }
  // What is left of a write may be repeated from another place: frames are put together anew.
  ::SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // A ticket would make the descriptor readable without a message.
  ::SSL_CTX_set_num_tickets(context, 0);
  if (tls.psk) {
    impl_->psk = hmac(*authkey, {std::as_bytes(std::span("royong tls psk"))});
    if (::SSL_CTX_set_ex_data(context, psk_index(), &impl_->psk) != 1) throw std::bad_alloc();
    if (::SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") != 1) {
      throw_setup("choose a cipher");
    }
    if (side == Side::listener) {
      ::SSL_CTX_set_psk_find_session_callback(context, &find_psk);
    } else {
      ::SSL_CTX_set_psk_use_session_callback(context, &use_psk);
      // No certificate will come; without one of the callbacks the handshake fails.
      ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    }
    return;
  }
  if (!tls.certificate.empty()) {
    if (::SSL_CTX_use_certificate_chain_file(context, tls.certificate.c_str()) != 1) {
      throw_setup("use the certificate " + tls.certificate.string());
    }
    if (::SSL_CTX_use_PrivateKey_file(context, tls.key.c_str(), SSL_FILETYPE_PEM) != 1) {
      throw_setup("use the key " + tls.key.string());
    }
  }
  if (!tls.authority.empty()) {
    if (::SSL_CTX_load_verify_locations(context, tls.authority.c_str(), nullptr) != 1) {
      throw_setup("use the authority " + tls.authority.string());
    }
  } else if (side == Side::client && ::SSL_CTX_set_default_verify_paths(context) != 1) {
    throw_setup("use the authorities of the system");
  }
  if (side == Side::client || !tls.authority.empty()) {
    ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
}

TlsContext::~TlsContext() = default;

std::unique_ptr<Stream> TlsContext::stream(os::Fd socket, const std::string& host) const {
  Owned<SSL> ssl(::SSL_new(impl_->context.get()));
  if (!ssl) throw std::bad_alloc();
  if (impl_->side == Side::listener) {
    ::SSL_set_accept_state(ssl.get());
  } else {
    ::SSL_set_connect_state(ssl.get());
    if (!host.empty()) {
      X509_VERIFY_PARAM* check = ::SSL_get0_param(ssl.get());
      if (::X509_VERIFY_PARAM_set1_ip_asc(check, host.c_str()) != 1) {
        ::ERR_clear_error();
        ::SSL_set_tlsext_host_name(ssl.get(), host.c_str());
        if (::SSL_set1_host(ssl.get(), host.c_str()) != 1) throw_setup("check the name " + host);
      }
    }
  }
  return std::make_unique<TlsStream>(std::move(socket), std::move(ssl));
}

}  // namespace royong::inline v0::channel
