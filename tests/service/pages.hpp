// SPDX-License-Identifier: MIT
// The files of page/, which embed.py puts into the program.
#ifndef SERVICE_PAGES_HPP
#define SERVICE_PAGES_HPP

#include "transport.hpp"

#include <optional>
#include <string_view>

namespace service {

struct Page {
  std::string_view name, type, etag, text;
};

/// Returns the file of that name, or null.
const Page* find_page(std::string_view name);

/// Returns the response to a GET of "/", which is index.html, or of "/NAME"; nullopt if there is no such file.
inline std::optional<Response> page_for(const Request& request) {
  if (request.method != "GET" || request.path.size() > 1) return std::nullopt;
  const Page* const page = find_page(request.path.empty() ? "index.html" : std::string_view(request.path[0]));
  if (page == nullptr) return std::nullopt;
  Response response;
  response.headers = {
      {"ETag", std::string(page->etag)},
      {"Cache-Control", "no-cache"},
      {"X-Content-Type-Options", "nosniff"},
      {"Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}};
  response.type = std::string(page->type);
  if (request.if_none_match == page->etag) {
    response.status = 304;
  } else {
    response.body = std::string(page->text);
  }
  return response;
}

}  // namespace service

#endif  // SERVICE_PAGES_HPP
