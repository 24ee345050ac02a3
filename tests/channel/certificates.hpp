// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Certificates made for one test: an authority, and what it has signed.
 */
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>      // for std::fopen
#include <filesystem>  // for std::filesystem::path
#include <stdexcept>   // for std::runtime_error
#include <string>      // for std::string

namespace royong_test {

class Authority {
 public:
  explicit Authority(std::filesystem::path folder)
      : folder_(std::move(folder)), key_(make_key()), certificate_(make("authority", nullptr)) {
    write("authority");
  }
  ~Authority() {
    ::X509_free(certificate_);
    ::EVP_PKEY_free(key_);
  }
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  std::string file() const { return (folder_ / "authority.pem").string(); }

  struct Signed {
    std::string certificate;
    std::string key;
  };
  /// A certificate for a name like "DNS:localhost" or "IP:127.0.0.1".
  Signed sign(const std::string& name, const std::string& subject_alternative) {
    Authority one(*this, name, subject_alternative);
    one.write(name);
    return {(folder_ / (name + ".pem")).string(), (folder_ / (name + ".key")).string()};
  }

 private:
  Authority(const Authority& issuer, const std::string& name, const std::string& alternative)
      : folder_(issuer.folder_), key_(make_key()), alternative_(alternative) {
    certificate_ = make(name, &issuer);
  }

  static EVP_PKEY* make_key() {
    EVP_PKEY* key = ::EVP_EC_gen("P-256");
    if (key == nullptr) throw std::runtime_error("cannot make a key");
    return key;
  }

  X509* make(const std::string& name, const Authority* issuer) {
    X509* made = ::X509_new();
    static long serial = 1;
    ::X509_set_version(made, 2);
    ::ASN1_INTEGER_set(::X509_get_serialNumber(made), serial++);
    ::X509_gmtime_adj(::X509_getm_notBefore(made), -3600);
    ::X509_gmtime_adj(::X509_getm_notAfter(made), 3600);
    ::X509_set_pubkey(made, key_);
    X509_NAME* subject = ::X509_get_subject_name(made);
    ::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                 reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509* by = issuer != nullptr ? issuer->certificate_ : made;
    ::X509_set_issuer_name(made, ::X509_get_subject_name(by));
    extend(made, by, NID_basic_constraints, issuer == nullptr ? "critical,CA:TRUE" : "CA:FALSE");
    if (!alternative_.empty()) extend(made, by, NID_subject_alt_name, alternative_.c_str());
    if (::X509_sign(made, issuer != nullptr ? issuer->key_ : key_, ::EVP_sha256()) == 0) {
      throw std::runtime_error("cannot sign a certificate");
    }
    return made;
  }

  static void extend(X509* certificate, X509* issuer, int what, const char* value) {
    X509V3_CTX context;
    ::X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = ::X509V3_EXT_conf_nid(nullptr, &context, what, value);
    ::X509_add_ext(certificate, extension, -1);
    ::X509_EXTENSION_free(extension);
  }

  void write(const std::string& name) const {
    std::FILE* file = std::fopen((folder_ / (name + ".pem")).c_str(), "w");
    ::PEM_write_X509(file, certificate_);
    std::fclose(file);
    file = std::fopen((folder_ / (name + ".key")).c_str(), "w");
    ::PEM_write_PrivateKey(file, key_, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
  }

  std::filesystem::path folder_;
  EVP_PKEY* key_;
  std::string alternative_;
  X509* certificate_;
};

}  // namespace royong_test
