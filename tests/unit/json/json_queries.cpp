// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <presence/json/queries.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

using namespace presence;

namespace {

constexpr std::size_t no_limit = static_cast<std::size_t>(-1);
constexpr Order up = Order::ascending, down = Order::descending;

template <class Query>
bool are_equal(const Query& a, const Query& b) {
  return a.filter == b.filter && a.sort == b.sort && a.offset == b.offset && a.limit == b.limit &&
         a.presence == b.presence;
}

template <class Query>
Query without_limit() {
  Query query;
  query.limit = no_limit;
  return query;
}

UserQuery read(std::string_view json) {
  CAPTURE(std::string(json.substr(0, 120)));
  const auto query = parse_user_query(json);
  REQUIRE(query);
  const auto same = parse_channel_query(json);
  REQUIRE(same);
  CHECK(are_equal(*same, ChannelQuery{query->filter, query->sort, query->offset, query->limit, query->presence}));
  return *query;
}

std::vector<SortKey> sort_of(const std::string& json) { return read(R"({"sort":)" + json + "}").sort; }

/// Checks the error of a string with a '^' before the byte at the error's offset. The message must contain `part`.
void is_rejected(ErrorCode code, std::string marked, std::string_view part = "", const FilterLimits& limits = {}) {
  CAPTURE(marked.substr(0, 120));
  const std::size_t offset = marked.find('^');
  REQUIRE(offset != std::string::npos);
  marked.erase(offset, 1);
  const auto query = parse_user_query(marked, limits);
  REQUIRE_FALSE(query);
  CHECK(static_cast<int>(query.error().code) == static_cast<int>(code));
  CHECK(query.error().offset == offset);
  CAPTURE(query.error().message);
  CHECK(std::string(query.error().message) != "");
  CHECK(std::string(query.error().message).find(part) != std::string::npos);
  CHECK(parse_channel_query(marked, limits).error() == query.error());
}

}  // namespace

TEST_CASE("a query is read with all its keys, in any order") {
  UserQuery expected;
  expected.filter = in("id", {"john", "mary"}) && eq("online", true);
  expected.sort = {{"last_active", down}, {"name", up}};
  expected.limit = 30;
  expected.offset = 60;
  expected.presence = true;
  CHECK(are_equal(read(R"({"filter_conditions":{"id":{"$in":["john","mary"]},"online":true},)"
                       R"("sort":[{"field":"last_active","direction":-1},{"field":"name","direction":1}],)"
                       R"("limit":30,"offset":60,"presence":true})"),
                  expected));
  CHECK(are_equal(read(R"( { "presence" : true , "offset" : 60 , "limit" : 30 , "sort" : [ )"
                       R"({ "direction" : -1 , "field" : "last_active" } , {"direction":1,"field":"n\u0061me"} ] ,)"
                       R"("filter" : {"id":{"$in":["john","m\u0061ry"]},"online":true} } )"),
                  expected));
}

TEST_CASE("keys of a query that are absent or null mean everything, unsorted, without a limit or presence") {
  const UserQuery everything = without_limit<UserQuery>();
  CHECK(are_equal(read("{}"), everything));
  CHECK(are_equal(read(R"({"filter_conditions":null,"sort":null,"limit":null,"offset":null,"presence":null})"),
                  everything));
  CHECK(are_equal(read(R"({"filter":{},"sort":[],"offset":0,"presence":false})"), everything));
  CHECK(read(R"({"limit":0})").limit == 0);
}

TEST_CASE("other keys of a query are skipped, whatever their values and even if duplicated") {
  CHECK(are_equal(read(R"({"watch":true,"state":true,"message_limit":25,"member_limit":-1,"user_id":"u","user":{},)"
                       R"("connection_id":"c","x":[{"sort":[1]}],"watch":{"limit":"a"},"Limit":-1,"":0})"),
                  without_limit<UserQuery>()));
}

TEST_CASE("sort keys are read in the service's form and in the forms of SDKs, in the order of the text") {
  const std::vector<SortKey> two = {{"last_active", down}, {"a.b", up}};
  CHECK(sort_of(R"([{"field":"last_active","direction":-1},{"field":"a.b","direction":1}])") == two);
  CHECK(sort_of(R"([{"last_active":-1},{"a.b":1}])") == two);
  CHECK(sort_of(R"([{"last_active":-1,"a.b":1}])") == two);
  CHECK(sort_of(R"({"last_active":-1,"a.b":1})") == two);
  CHECK(sort_of(R"([{},{"last_\u0061ctive":-1},{ },{"direction":1,"type":"number","field":"a\u002eb"}])") == two);
  CHECK(sort_of(R"({"field":"last_active","direction":-1})") == std::vector<SortKey>{{"last_active", down}});
  CHECK(sort_of(R"([{"field":"field","direction":1},{"field":"direction","direction":-1}])") ==
        std::vector<SortKey>{{"field", up}, {"direction", down}});
  CHECK(sort_of("{}").empty());
  CHECK(sort_of(R"([{"a":1},{"a":-1}])") == std::vector<SortKey>{{"a", up}, {"a", down}});
  CHECK(sort_of(R"([{"field":"a","direction":-1,"nulls_last":true}])") == std::vector<SortKey>{{"a", down, true}});
  CHECK(sort_of(R"([{"field":"a","direction":-1,"nulls_last":null}])") == std::vector<SortKey>{{"a", down}});
}

TEST_CASE("a limit or an offset that exceeds a size_t is read as the largest size_t") {
  CHECK(read(R"({"limit":18446744073709551615,"offset":18446744073709551614})").limit == no_limit);
  CHECK(read(R"({"limit":99999999999999999999999999})").limit == no_limit);
  CHECK(read(R"({"offset":18446744073709551616})").offset == no_limit);
  if (sizeof(std::size_t) == 8) CHECK(read(R"({"offset":18446744073709551614})").offset == no_limit - 1);
  CHECK(read(R"({"offset":4294967294})").offset == 4294967294);
}

TEST_CASE("an invalid query is rejected with the error code, the offset in the whole text and the key") {
  is_rejected(ErrorCode::wrong_type, "^[]");
  is_rejected(ErrorCode::wrong_type, " ^null");
  is_rejected(ErrorCode::truncated, "^");
  is_rejected(ErrorCode::truncated, R"({"limit":1^)");
  is_rejected(ErrorCode::trailing_bytes, "{}^{}");
  is_rejected(ErrorCode::syntax, R"({"limit":-1,"filter":{"$foo":1},"x":^})");
  is_rejected(ErrorCode::bad_utf8, "{\"limit\":-1,\"x\":\"^\xFF\"}");
  is_rejected(ErrorCode::bad_escape, R"({"limit":-1,"filter":{"a":"^\ud83d"}})");

  is_rejected(ErrorCode::wrong_type, R"({"limit":^"30"})", "limit");
  is_rejected(ErrorCode::wrong_type, R"({"limit":^true})", "limit");
  is_rejected(ErrorCode::out_of_range, R"({"limit":^-1})", "limit");
  is_rejected(ErrorCode::out_of_range, R"({"limit":^1.0})", "limit");
  is_rejected(ErrorCode::out_of_range, R"({"limit":^1e2})", "limit");
  is_rejected(ErrorCode::out_of_range, R"({"limit":^-0})", "limit");
  is_rejected(ErrorCode::wrong_type, R"({"offset":^[]})", "offset");
  is_rejected(ErrorCode::out_of_range, R"({"limit":1,"offset": ^-5})", "offset");
  is_rejected(ErrorCode::wrong_type, R"({"presence":^1})", "presence");
  is_rejected(ErrorCode::wrong_type, R"({"presence":^"true"})", "presence");
  is_rejected(ErrorCode::wrong_type, R"({"filter_conditions":^[{}]})", "filter_conditions");
  is_rejected(ErrorCode::wrong_type, R"({"filter":^"{}"})", "filter");
  is_rejected(ErrorCode::wrong_type, R"({"sort":^"name"})", "sort");
  is_rejected(ErrorCode::wrong_type, R"({"sort":^1})", "sort");
}

TEST_CASE("a key of a query that occurs twice is rejected at its second occurrence") {
  is_rejected(ErrorCode::duplicate_key, R"({"limit":1,^"limit":1})", "limit");
  is_rejected(ErrorCode::duplicate_key, R"({"limit":null,^"limit":1})", "limit");
  is_rejected(ErrorCode::duplicate_key, R"({"offset":1,"x":2,^"off\u0073et":1,"offset":2})", "offset");
  is_rejected(ErrorCode::duplicate_key, R"({"presence":true,^"presence":true})", "presence");
  is_rejected(ErrorCode::duplicate_key, R"({"sort":[],^"sort":[]})", "sort");
  is_rejected(ErrorCode::duplicate_key, R"({"filter_conditions":{},^"filter_conditions":{}})", "filter_conditions");
  is_rejected(ErrorCode::duplicate_key, R"({"filter":{"id":"a"},^"filter_conditions":{"id":"a"}})", "filter");
  is_rejected(ErrorCode::duplicate_key, R"({"filter_conditions":{},^"filter":{}})", "filter");
}

TEST_CASE("an invalid filter in a query is rejected as by parse_filter, with the offset in the whole text") {
  is_rejected(ErrorCode::unknown_operator, R"({"filter_conditions":{"id":{^"$above":5}},"limit":-1})", "operator");
  is_rejected(ErrorCode::unknown_operator, R"({"x":{"filter":1},"filter": {^"$xor":[]}})", "operator");
  is_rejected(ErrorCode::duplicate_key, R"({"filter":{"id":"a",^"id":"b"}})");
  is_rejected(ErrorCode::bad_operand, R"({"filter":{"$or":^[]}})");
  is_rejected(ErrorCode::bad_operand, R"({"filter":{"id":{"$autocomplete":^""}}})");
  is_rejected(ErrorCode::out_of_range, R"({"filter":{"level":^1e999}})");
  is_rejected(ErrorCode::wrong_type, R"({"filter":{"id":{"$in":[^[]]}}})");
  for (const unsigned deep : {1u, 30u, 31u}) {
    std::string filter = deep <= 30 ? R"({"a":{"$in":[1]}})" : R"({"a":1})";  // as deep as JSON text may be
    for (unsigned i = 0; i < deep; ++i) filter = R"({"$or":[)" + filter + "]}";
    const auto alone = parse_filter(filter);
    const auto query = parse_user_query(R"({"filter":)" + filter + "}");
    REQUIRE(alone.has_value() == (deep <= 30));
    REQUIRE(query.has_value() == alone.has_value());
    if (query) CHECK(query->filter == *alone);
    if (!query) CHECK(query.error() == Error{alone.error().code, alone.error().offset + 10, ""});
  }
}

TEST_CASE("an invalid sort key is rejected with the error code and the offset in the whole text") {
  is_rejected(ErrorCode::wrong_type, R"({"sort":[^"name"]})", "sort key");
  is_rejected(ErrorCode::wrong_type, R"({"sort":[{"a":1},^["b",1]]})", "sort key");
  is_rejected(ErrorCode::wrong_type, R"({"sort":[{"a":1},^null]})", "sort key");
  is_rejected(ErrorCode::out_of_range, R"({"sort":[{"a":^2},3]})", "direction");
  is_rejected(ErrorCode::out_of_range, R"({"sort":[{"a":^0}]})", "1 or -1");
  is_rejected(ErrorCode::out_of_range, R"({"sort":{"a":1,"b":^1.0}})", "direction");
  is_rejected(ErrorCode::wrong_type, R"({"sort":{"a":^"asc"}})", "direction");
  is_rejected(ErrorCode::wrong_type, R"({"sort":{"a":^null}})", "direction");
  is_rejected(ErrorCode::out_of_range, R"({"sort":[{"field":"a","direction":^-2}]})", "direction");
  is_rejected(ErrorCode::wrong_type, R"({"sort":[{"field":"a","direction":^"-1"}]})", "direction");
  is_rejected(ErrorCode::missing_key, R"({"sort":[{"a":1},^{"field":"a"}]})", "direction");
  is_rejected(ErrorCode::missing_key, R"({"sort":[^{"field":"a","direction":null}]})", "direction");
  is_rejected(ErrorCode::missing_key, R"({"sort":[^{"direction":1}]})", "field");
  is_rejected(ErrorCode::missing_key, R"({"sort":^{"direction":1,"a":1}})", "field");
  is_rejected(ErrorCode::wrong_type, R"({"sort":[{"field":^1,"direction":1}]})", "field");
  is_rejected(ErrorCode::duplicate_key, R"({"sort":[{"field":"a",^"field":"a","direction":1}]})");
  is_rejected(ErrorCode::duplicate_key, R"({"sort":[{"field":"a","direction":1,^"direction":1}]})");
  is_rejected(ErrorCode::duplicate_key, R"({"sort":[{"a":1,"b":1,^"\u0061":1}]})");
  is_rejected(ErrorCode::bad_operand, R"({"sort":[{"field":^"","direction":1}]})", "field");
  is_rejected(ErrorCode::bad_operand, R"({"sort":[{^"":1}]})", "field");
  is_rejected(ErrorCode::unknown_operator, R"({"sort":[{"a":2}],"filter":{^"$a":1}})");  // the filter comes first
  is_rejected(ErrorCode::out_of_range, R"({"limit":-1,"sort":[{"a":^2}]})");             // then the sort
}

TEST_CASE("the limits of a query apply to the whole text, and to the filter and the sort keys together") {
  FilterLimits bytes;
  bytes.max_bytes = 12;
  CHECK(parse_user_query(R"({"limit":10})", bytes));
  is_rejected(ErrorCode::over_limit, R"({"limit":100^})", "", bytes);
  is_rejected(ErrorCode::over_limit, "{{{{{{{{{{{{^{", "", bytes);
  FilterLimits values;
  values.max_values = 4;  // a filter, its operand, two sort keys
  CHECK(parse_user_query(R"({"filter":{"a":1},"sort":[{"b":1},{"field":"c","direction":1}]})", values));
  is_rejected(ErrorCode::over_limit, R"({"filter":{"a":1},"sort":{"b":1,"c":1,^"d":1}})", "sort", values);
  is_rejected(ErrorCode::over_limit, R"({"sort":[{"a":1,"b":1,"c":1,"d":1},{"field":^"e","direction":1}]})", "sort",
              values);
  is_rejected(ErrorCode::over_limit, R"({"sort":[],"filter":{"a":[1,2,^3]}})", "", values);
  values.max_values = 0;
  CHECK(parse_user_query(R"({"sort":[{}],"limit":3})", values));
  is_rejected(ErrorCode::over_limit, R"({"filter":^{}})", "", values);
}

TEST_CASE("a query that is written is read as an equal query") {
  CHECK(to_json(without_limit<UserQuery>()) == R"({"filter_conditions":{}})");
  UserQuery query;
  query.filter = (eq("online", true) || exists("a\"b", false)) && in("id", {"caf\xC3\xA9", "\n"});
  query.sort = {{"last_active", down}, {"a\"b\n", up}};
  query.offset = 7;
  query.presence = true;
  for (const std::size_t limit : {std::size_t{0}, std::size_t{30}, no_limit - 1, no_limit}) {
    query.limit = limit;
    CHECK(are_equal(read(to_json(query)), query));
    std::string out = "x";
    append_json(out, ChannelQuery{query.filter, query.sort, query.offset, query.limit, query.presence});
    CHECK(out == "x" + to_json(query));
  }
  query = without_limit<UserQuery>();
  query.limit = 10;
  query.offset = no_limit;
  query.sort = {{"", down}, {"a", down}, {"", up}, {"b", up}};
  CHECK(to_json(query) ==
        R"({"filter_conditions":{},"sort":[{"field":"a","direction":-1},{"field":"b","direction":1}],)"
        R"("limit":10,"offset":)" +
            std::to_string(no_limit) + "}");
  query.sort = {{"", down}};
  CHECK(read(to_json(query)).sort.empty());
  query.filter = eq("", 1);
  CHECK_FALSE(parse_user_query(to_json(query)));
}

TEST_CASE("reading a query takes linear time for deep, long and repetitive text") {
  constexpr std::size_t many = 300000;
  is_rejected(ErrorCode::too_deep, R"({"filter":)" + std::string(127, '[') + "^" + std::string(many, '['));
  std::string objects, keys, names;
  for (std::size_t i = 0; i < many; ++i) {
    objects += i == 0 ? "{}" : ",{}";
    keys += i == 0 ? R"({"a":1})" : R"(,{"a":1})";
    names += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":1";
  }
  CHECK(sort_of("[" + objects + "]").empty());
  CHECK(sort_of("[" + keys + "]").size() == many);
  CHECK(sort_of("{" + names + "}").size() == many);
  CHECK(sort_of("{\"" + std::string(many, 'a') + "\":1}")[0].field.size() == many);
  CHECK(read(R"({"offset":)" + std::string(many, '9') + "}").offset == no_limit);
  is_rejected(ErrorCode::wrong_type, R"({"filter":{"$or":[^[)" + objects + "]]}}");
  is_rejected(ErrorCode::wrong_type, R"({"sort":[{},^[)" + objects + "]]}");
}
