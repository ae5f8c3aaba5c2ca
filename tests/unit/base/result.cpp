// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <presence/base/result.hpp>

#include <csignal>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#if (defined(__unix__) || defined(__APPLE__)) && !defined(__EMSCRIPTEN__)
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#define PRESENCE_TEST_FORKS 1
#else
#define PRESENCE_TEST_FORKS 0
#endif

using presence::Error;
using presence::ErrorCode;
using presence::Result;

static_assert(!std::is_convertible<Result<int>, bool>::value, "a result is no number");
static_assert(std::is_constructible<bool, Result<int>>::value, "but it can be asked for");
static_assert(std::is_convertible<int, Result<int>>::value, "a value can be returned as a result");
static_assert(std::is_convertible<Error, Result<int>>::value, "so can an error");
static_assert(std::is_same<decltype(*std::declval<Result<std::string>>()), std::string>::value,
              "what is in a temporary comes out by value");
static_assert(std::is_same<decltype(*std::declval<Result<std::string>&>()), std::string&>::value, "borrowed");
static_assert(std::is_same<decltype(*std::declval<const Result<std::string>&>()), const std::string&>::value,
              "borrowed");
static_assert(
    std::is_same<decltype(std::declval<const Result<std::string>&>().operator->()), const std::string*>::value,
    "borrowed");

TEST_CASE("a result that holds a value is true and provides it") {
  Result<std::string> result = std::string("here");
  REQUIRE(result);
  CHECK(result.has_value());
  CHECK(*result == "here");
  CHECK(result->size() == 4);
  *result += "!";
  const Result<std::string>& same = result;
  CHECK(*same == "here!");
  CHECK(same->back() == '!');
}

TEST_CASE("a result that holds an error is false and provides its code, offset and message") {
  const Result<std::string> result = Error{ErrorCode::bad_utf8, 17, "not UTF-8"};
  CHECK_FALSE(result);
  CHECK_FALSE(result.has_value());
  CHECK(result.error().code == ErrorCode::bad_utf8);
  CHECK(result.error().offset == 17);
  CHECK(std::string(result.error().message) == "not UTF-8");
}

TEST_CASE("the value can be moved out of a temporary result") {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  const std::unique_ptr<int> taken = *std::move(result);
  REQUIRE(taken);
  CHECK(*taken == 7);

  int letters = 0;
  for (const char c : *Result<std::string>(std::string("text that is too long for any small buffer")))
    letters += c == 't';
  CHECK(letters == 5);
}

TEST_CASE("value_or returns the value of a result, or the fallback of an error") {
  const Result<std::string> good = std::string("here"), bad = Error{ErrorCode::syntax, 0, ""};
  CHECK(good.value_or("gone") == "here");
  CHECK(bad.value_or("gone") == "gone");
  CHECK(*good == "here");  // copied, not moved

  CHECK(*Result<std::unique_ptr<int>>(std::make_unique<int>(7)).value_or(nullptr) == 7);  // moved out of a temporary
  CHECK(Result<std::unique_ptr<int>>(Error{}).value_or(nullptr) == nullptr);
  CHECK(*Result<std::unique_ptr<int>>(Error{}).value_or(std::make_unique<int>(8)) == 8);
}

TEST_CASE("each error code has the name of its enumerator, and a number that is none is \"?\"") {
  CHECK(to_string(ErrorCode::syntax) == "syntax");
  CHECK(to_string(ErrorCode::truncated) == "truncated");
  CHECK(to_string(ErrorCode::trailing_bytes) == "trailing_bytes");
  CHECK(to_string(ErrorCode::bad_utf8) == "bad_utf8");
  CHECK(to_string(ErrorCode::bad_escape) == "bad_escape");
  CHECK(to_string(ErrorCode::too_deep) == "too_deep");
  CHECK(to_string(ErrorCode::duplicate_key) == "duplicate_key");
  CHECK(to_string(ErrorCode::missing_key) == "missing_key");
  CHECK(to_string(ErrorCode::wrong_type) == "wrong_type");
  CHECK(to_string(ErrorCode::out_of_range) == "out_of_range");
  CHECK(to_string(ErrorCode::unset) == "unset");
  CHECK(to_string(ErrorCode::unknown_type) == "unknown_type");
  CHECK(to_string(ErrorCode::not_presence) == "not_presence");
  CHECK(to_string(ErrorCode::unknown_operator) == "unknown_operator");
  CHECK(to_string(ErrorCode::bad_operand) == "bad_operand");
  CHECK(to_string(ErrorCode::unknown_version) == "unknown_version");
  CHECK(to_string(ErrorCode::bad_checksum) == "bad_checksum");
  CHECK(to_string(ErrorCode::over_limit) == "over_limit");
  CHECK(to_string(ErrorCode::too_early) == "too_early");
  CHECK(to_string(ErrorCode::not_live) == "not_live");
  CHECK(to_string(ErrorCode::needs_buffer) == "needs_buffer");
  CHECK(to_string(static_cast<ErrorCode>(21)) == "?");
  CHECK(to_string(static_cast<ErrorCode>(255)) == "?");
}

TEST_CASE("errors are equal if their code and offset are, whatever the message") {
  const Error a{ErrorCode::syntax, 3, "one"};
  CHECK(a == Error{ErrorCode::syntax, 3, "another"});
  CHECK_FALSE(a != Error{ErrorCode::syntax, 3, "another"});
  CHECK(a != Error{ErrorCode::syntax, 4, "one"});
  CHECK(a != Error{ErrorCode::truncated, 3, "one"});
  CHECK(Error{} == Error{ErrorCode::syntax, 0, ""});
}

#if PRESENCE_TEST_FORKS
template <class Fn>
static bool ends_the_program(Fn fn) {
  const pid_t child = fork();
  if (child == 0) {
    for (const int signal_number : {SIGILL, SIGTRAP, SIGABRT}) std::signal(signal_number, SIG_DFL);  // not doctest's
    fn();
    _exit(0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return false;
  return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

TEST_CASE("accessing the value of an error, or the error of a value, terminates the program") {
  Result<int> bad = Error{ErrorCode::syntax, 0, ""};
  Result<int> good = 1;
  CHECK(ends_the_program([&] { *bad = 2; }));
  CHECK(ends_the_program([&] { static_cast<void>(static_cast<const Result<int>&>(bad).operator->()); }));
  CHECK(ends_the_program([&] { static_cast<void>(*std::move(bad)); }));
  CHECK(ends_the_program([&] { static_cast<void>(good.error()); }));
  CHECK_FALSE(ends_the_program([&] { static_cast<void>(*good); }));
  CHECK_FALSE(ends_the_program([&] { static_cast<void>(bad.error()); }));
}
#endif
