// SPDX-License-Identifier: MIT
// Asks filters about objects in every way there is, and a naive interpreter too; all must say the same. An odd first
// byte: the rest is the JSON of a filter. An even one: the rest decides what filter is built, and what it is asked
// about. What does not hold is told, and ends the program.
#include "naive_filter.hpp"

#include <presence/json/filters.hpp>
#include <presence/model/availability.hpp>
#include <presence/model/channel.hpp>
#include <presence/model/fields.hpp>
#include <presence/model/user.hpp>
#include <presence/model/value.hpp>
#include <presence/query/filter.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

/// A host's own type, with what the library's types lack: views, temporaries, arrays of other things than strings.
struct Player {
  std::vector<std::string_view> texts;
  std::vector<double> numbers;
  std::optional<std::int32_t> level;
  std::string name;
  const char* title = nullptr;
  std::uint64_t big = 0;
  std::vector<presence::Timestamp> seen;

  float score() const { return static_cast<float>(numbers.size()) / 2; }
};

}  // namespace

template <>
struct presence::Fields<Player> {
  static constexpr auto list = fields(
      field("texts", &Player::texts), field("numbers", &Player::numbers), field("level", &Player::level),
      field("name", [](const Player& p) { return p.name.empty() ? std::nullopt : std::optional<std::string>(p.name); }),
      field("title", &Player::title), field("big", &Player::big), field("score", &Player::score),
      field("seen", &Player::seen));
};

namespace {

using namespace presence;
using naive::Kind;
using naive::Object;
using naive::Plain;
using naive::Question;

[[noreturn]] void wrong(const char* what, const std::string& about) {
  std::fprintf(stderr, "filter_fuzz: wrong: %s\n%s\n", what, about.c_str());
  std::abort();
}
void require(bool holds, const char* what, const Filter& filter) {
  if (!holds) wrong(what, to_json(filter));
}

// ---- between the library and the interpreter --------------------------------------------------------------------

Plain plain(const ValueView& value) {
  switch (value.kind()) {
    case ValueKind::boolean: return naive::boolean(value.truth());
    case ValueKind::integer: return naive::integer(value.integer());
    case ValueKind::real: return naive::real(value.real());
    case ValueKind::string: return naive::text(value.text());
    case ValueKind::timestamp: return naive::instant(value.instant().ns());
    case ValueKind::array: {
      std::vector<Plain> elements;
      for (std::size_t i = 0; i < value.size(); ++i) elements.push_back(plain(value[i]));
      return naive::array(std::move(elements));
    }
    case ValueKind::object: {
      Object members;
      for (const ValueMember& member : value.members())
        members[std::string(member.name())] = plain(member.value().view());
      return naive::object(members);
    }
    case ValueKind::invalid: return naive::unholdable();
    default: return {};
  }
}

Value value(const Plain& plain) {
  switch (plain.kind) {
    case Kind::boolean: return plain.number != 0;
    case Kind::integer: return plain.number;
    case Kind::real: return plain.real;
    case Kind::text: return plain.text;
    case Kind::instant: return Timestamp::from_ns(plain.number);
    case Kind::unholdable: return plain.number == 0 ? Value(UINT64_MAX) : Value::array({Value::array({1})});
    case Kind::array: {
      std::vector<Value> elements;
      for (const Plain& element : plain.elements) elements.push_back(value(element));
      return array(elements);
    }
    case Kind::object: {
      Attributes members;
      for (const auto& [name, member] : naive::members(plain)) members[name] = value(member);
      return Value::object(std::move(members));
    }
    default: return nullptr;
  }
}

Question question(const Filter& filter) {
  Question result;
  result.op = filter.op();
  result.field = filter.field();
  result.operand = plain(filter.operand().view());
  for (const Filter& part : filter.parts()) result.parts.push_back(question(part));
  return result;
}

Filter combined(const Question& question, std::vector<Filter> parts) {
  const bool is_not = question.op == Operator::none_of;
  if (question.by_signs && parts.size() > (is_not ? 0u : 1u)) {
    if (is_not && parts.size() == 1) return !parts[0];
    if (!is_not) {
      Filter all = std::move(parts[0]);
      for (std::size_t i = 1; i < parts.size(); ++i)
        all = question.op == Operator::all_of ? std::move(all) && parts[i] : std::move(all) || parts[i];
      return all;
    }
  }
  return question.op == Operator::all_of   ? and_(std::move(parts))
         : question.op == Operator::any_of ? or_(std::move(parts))
                                           : nor(std::move(parts));
}

Filter filter(const Question& question) {
  const std::string_view field = question.field;
  const Value operand = value(question.operand);
  switch (question.op) {
    case Operator::everything: return {};
    case Operator::eq: return eq(field, operand);
    case Operator::ne: return ne(field, operand);
    case Operator::gt: return gt(field, operand);
    case Operator::gte: return gte(field, operand);
    case Operator::lt: return lt(field, operand);
    case Operator::lte: return lte(field, operand);
    case Operator::contains: return contains(field, operand);
    case Operator::in:
      return operand.kind() == ValueKind::array && question.operand.elements.size() % 2 == 1
                 ? in(field, operand.elements())
                 : in(field, operand);
    case Operator::nin:
      return operand.kind() == ValueKind::array && question.operand.elements.size() % 2 == 1
                 ? nin(field, operand.elements())
                 : nin(field, operand);
    case Operator::exists:
      return question.operand.kind == Kind::boolean ? exists(field, question.operand.number != 0)
                                                    : Filter::test(question.op, field, operand);
    case Operator::autocomplete:
      return question.operand.kind == Kind::text ? autocomplete(field, question.operand.text)
                                                 : Filter::test(question.op, field, operand);
    default: {
      std::vector<Filter> parts;
      for (const Question& part : question.parts) parts.push_back(filter(part));
      return combined(question, std::move(parts));
    }
  }
}

Object object(const Channel& channel) {
  Object object;
  for (const Attributes::Entry& entry : channel.custom) object[entry.name] = plain(entry.value.view());
  object["type"] = naive::text(channel.type);
  object["id"] = naive::text(channel.id);
  object["cid"] = naive::text(channel.type + ":" + channel.id);
  object["members"] = naive::array({});
  for (const std::string& member : channel.members) object["members"].elements.push_back(naive::text(member));
  return object;
}

Object object(const User& user) {
  Object object, activity;
  for (const Attributes::Entry& entry : user.data) {
    if (entry.name.compare(0, naive::activity.size(), naive::activity) != 0)
      object[entry.name] = plain(entry.value.view());
  }
  for (const Attributes::Entry& entry : user.activity) activity[entry.name] = plain(entry.value.view());
  object[naive::activity] = naive::object(activity);
  object.erase("last_active");
  object["id"] = naive::text(user.id);
  object["online"] = naive::boolean(user.online);
  object["status"] = naive::text(user.status);
  if (user.last_active) object["last_active"] = naive::instant(user.last_active->ns());
  constexpr const char* words[] = {"available", "idle", "away", "busy", "available"};  // of a user who is online
  object["availability"] = naive::text(user.online ? words[static_cast<int>(user.availability)] : "offline");
  return object;
}

Object object(const Player& player) {
  Object object;
  object["texts"] = object["numbers"] = object["seen"] = naive::array({});
  for (const std::string_view text : player.texts) object["texts"].elements.push_back(naive::text(text));
  for (const double number : player.numbers) object["numbers"].elements.push_back(naive::real(number));
  for (const Timestamp at : player.seen) object["seen"].elements.push_back(naive::instant(at.ns()));
  if (player.level) object["level"] = naive::integer(*player.level);
  if (!player.name.empty()) object["name"] = naive::text(player.name);
  object["title"] = player.title != nullptr ? naive::text(player.title) : Plain();
  object["big"] = player.big > INT64_MAX ? naive::unholdable() : naive::integer(static_cast<std::int64_t>(player.big));
  object["score"] = naive::real(static_cast<double>(player.numbers.size()) / 2);
  return object;
}

// ---- what must hold ---------------------------------------------------------------------------------------------

template <class T>
void ask(const Question& question, const Filter& filter, const T& about, const Object& fields) {
  const bool expected = naive::answer(question, fields);
  const auto require_here = [&](bool holds, const char* what) {
    if (!holds)
      wrong(what, to_json(filter) + "\n" + naive::told(question) + "\nof\n" + naive::told(fields) +
                      (expected ? "expected to hold" : "expected not to hold"));
  };
  require_here(matches(filter, about) == expected, "matches says what the documentation says");
  const Matcher<T> matcher = compile<T>(filter);
  require_here(matcher(about) == expected, "compile says what the documentation says");
  const Filter opposite = !filter;
  const bool has_opposite = !opposite.error() && expected == false;
  require_here(matches(opposite, about) == has_opposite && compile<T>(opposite)(about) == has_opposite,
               "the negation of a valid filter holds where that does not, and of an invalid one nowhere");
}
template <class T>
void ask(const Question& question, const Filter& filter, const T& about) {
  ask(question, filter, about, object(about));
}

/// What is called unanswerable has the same answer for all; of `in`, what it has against one of the values.
template <class T>
void check_validate(const Filter& filter, const std::vector<T>& objects) {
  const std::optional<Unanswerable> found = validate(filter, Fields<T>{});
  if (found) require(found->message[0] != '\0', "what is unanswerable is told", filter);
  if (filter.error()) require(found && found->op == Operator::invalid, "an invalid filter is unanswerable", filter);
  bool any_part = false;
  for (const Filter& part : filter.parts()) {
    check_validate(part, objects);
    any_part = any_part || validate(part, Fields<T>{});
  }
  if (naive::is_combination(filter.op()))
    require(found.has_value() == any_part, "a filter is as answerable as its parts", filter);
  if (!found || naive::is_combination(filter.op())) return;
  if (filter.op() == Operator::in || filter.op() == Operator::nin) {
    bool any_value = filter.operand().elements().empty();  // then it is the field
    for (const Value& element : filter.operand().elements())
      any_value = any_value || validate(eq(filter.field(), element), Fields<T>{});
    require(any_value, "in is unanswerable for one of its values", filter);
    if (filter.operand().elements().size() > 1) return;
  }
  for (const T& one : objects)
    require(matches(filter, one) == matches(filter, objects[0]), "what is unanswerable has one answer", filter);
}

bool is_sure_to_return(const Plain& value);

/// JSON has no timestamps, and no strings that are not UTF-8.
bool is_sure_to_return(const Question& question) {
  for (const Question& part : question.parts) {
    if (!is_sure_to_return(part)) return false;
  }
  return question.field.find('\xFF') == std::string::npos && is_sure_to_return(question.operand);
}
bool is_sure_to_return(const Plain& value) {
  for (const Plain& element : value.elements) {
    if (!is_sure_to_return(element)) return false;
  }
  for (const std::string& name : value.names) {
    if (name.find('\xFF') != std::string::npos) return false;
  }
  return value.kind != Kind::instant && value.text.find('\xFF') == std::string::npos;
}

void check_json(const Question& question, const Filter& filter) {
  const std::string json = to_json(filter);
  const Result<Filter> read = parse_filter(json);
  require(read.has_value() == !filter.error(), "a filter is read back exactly if it is valid", filter);
  if (!read) return;
  if (is_sure_to_return(question)) require(*read == filter && !(*read != filter), "what is read back is equal", filter);
  require(to_json(*read) == json, "what is read back is written the same", filter);
}

// ---- text -------------------------------------------------------------------------------------------------------

constexpr const char* an_instant = "2019-01-07T13:17:42.375Z";
constexpr const char* the_same_instant = "2019-01-07T14:17:42.375000+01:00";
constexpr std::int64_t its_ns = 1546867062375000000;
constexpr std::int64_t two_to_53 = std::int64_t{1} << 53;

const std::vector<Channel>& some_channels() {
  static const std::vector<Channel> channels = [] {
    std::vector<Channel> list(4);
    list[0].type = "messaging";
    list[0].id = "général";
    list[0].members = {"john", "jack", "Élodie—Ж"};
    list[0].custom["name"] = Value("Curiosity Rover");
    list[0].custom["level"] = Value(1);
    list[0].custom["a"] = Value::array({Value(1), Value(nullptr), Value("x"), Value(true), Value(0.5)});
    list[1].type = an_instant;
    list[1].custom["name"] = Value(nullptr);
    list[1].custom["level"] = Value(two_to_53 + 1);
    list[1].custom["a"] = Value(Timestamp::from_ns(its_ns));
    list[1].custom["type"] = Value("not to be found");
    list[2].members = {an_instant, the_same_instant, ""};
    list[2].custom["level"] = Value(std::numeric_limits<double>::quiet_NaN());
    list[2].custom["a"] = Value::array({});
    list[2].custom["name"] = Value::array({Value("a-b"), Value(Timestamp::from_ns(its_ns))});
    list[3].custom["a"] = Value(false);
    list[3].custom["level"] = Value(UINT64_MAX);
    Attributes inner, outer;
    inner["b"] = Value(1);
    inner[""] = Value(the_same_instant);
    inner["c.d"] = Value::array({Value(2), Value::object(inner)});
    outer["a"] = Value::object(inner);
    outer["b"] = Value(nullptr);
    list[3].custom["o"] = Value::object(outer);
    list[2].custom["o"] = Value::array({Value::object(inner), Value::object(outer), Value(1)});
    list[1].custom["o"] = Value::object({});
    list[1].custom["o.a.b"] = Value(3);
    return list;
  }();
  return channels;
}

const std::vector<User>& some_users() {
  static const std::vector<User> users = [] {
    std::vector<User> list = {User{"john", true, "Hello World", Timestamp::from_ns(its_ns), false, Availability::away},
                              User{"", false, "", std::nullopt, false},
                              User{an_instant, false, "ΣΊΣΥΦΟΣ", Timestamp::lowest(), true}};
    list[0].data["name"] = Value("Curiosity Rover");
    list[0].data["o"] = list[0].activity["o"] = *some_channels()[3].custom.find("o");
    list[0].data["o.a.b"] = Value(3);
    list[0].activity["b.a"] = Value(3);
    list[2].data["activity.a"] = list[2].data["status"] = Value(1);
    return list;
  }();
  return users;
}

void read_text(std::string_view text) {
  const Result<Filter> read = parse_filter(text);
  if (!read) {
    if (read.error().offset > text.size() || read.error().message[0] == '\0')
      wrong("an error tells what and where", std::string(text));
    return;
  }
  const Question asked = question(*read);
  require(!read->error() && naive::is_valid(asked), "what is read is valid", *read);
  check_json(asked, *read);
  for (const Channel& channel : some_channels()) ask(asked, *read, channel);
  for (const User& user : some_users()) {
    ask(asked, *read, user);
    ask(asked, *read, UserView(user), object(user));
  }
  check_validate(*read, some_channels());
  check_validate(*read, some_users());
}

// ---- bytes to filters and objects -------------------------------------------------------------------------------

class Maker {
 public:
  Maker(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  void run() {
    const Channel channel = a_channel();
    const User user = a_user();
    const Player player = a_player();
    for (const Object& each : {object(channel), object(user), object(player)}) known_.insert(each.begin(), each.end());
    const Question asked = a_question(4);
    const Filter made = filter(asked);
    require(made.error().has_value() != naive::is_valid(asked), "a filter is invalid if it was built wrong", made);
    require(made == filter(asked) && (made != !made || made.error()), "a filter is equal to what was built the same",
            made);
    check_json(asked, made);
    ask(asked, made, channel);
    ask(asked, made, user);
    ask(asked, made, UserView(user), object(user));
    ask(asked, made, player);
    const Result<Filter> parsed = parse_filter(to_json(made));
    if (parsed && is_sure_to_return(asked)) {
      const Filter& read = *parsed;
      ask(asked, read, channel);
      ask(asked, read, user);
      ask(asked, read, player);
    }
    std::vector<Channel> channels = some_channels();
    channels.push_back(channel);
    std::vector<User> users = some_users();
    users.push_back(user);
    check_validate(made, channels);
    check_validate(made, users);
    check_validate(made, std::vector<Player>{player, Player()});
  }

 private:
  unsigned take() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }
  template <class T, std::size_t N>
  T any(const std::array<T, N>& of) {
    return of[take() % N];
  }

  std::string a_text() {
    static const std::array<const char*, 46> few = {"",
                                                    "9999-12-31T23:59:59Z",
                                                    "9999-12-31T23:59:59.0z",
                                                    "0001-01-01T00:00:00Z",
                                                    "0001-01-01t01:00:00+01:00",
                                                    "2019-01-07T13:17:42.37500Z",
                                                    "--a--a",
                                                    "a",
                                                    "b",
                                                    "x",
                                                    "true",
                                                    "1",
                                                    "null",
                                                    an_instant,
                                                    the_same_instant,
                                                    "2019-01-07",
                                                    "2019-01-07T13:17:42.376Z",
                                                    "2262-04-11T23:47:16.854775807Z",
                                                    "Curiosity Rover",
                                                    "curiosity-rover",
                                                    "ro",
                                                    "RO",
                                                    "rov",
                                                    " ",
                                                    "-",
                                                    "Rover ",
                                                    "a.b c",
                                                    "Élodie",
                                                    "éLODIE Ж",
                                                    "é",
                                                    "É",
                                                    "ж",
                                                    "Σίσυφος ΣΣ",
                                                    "σς",
                                                    "ς",
                                                    "Ÿ",
                                                    "ÿ",
                                                    "Łā",
                                                    "łĀ",
                                                    "x—é",
                                                    "x·Ё",
                                                    "\u3000ё×Ж",
                                                    "\xFF",
                                                    "a\xFF",
                                                    "\"\\\n\x7F/",
                                                    "1677-09-21T00:12:43.145224192Z"};
    const unsigned byte = take();
    // Many that differ, for what is looked up in tables.
    return byte < 184 ? few[byte % few.size()] : "t" + std::to_string(byte % 64);
  }
  std::int64_t an_integer() {
    return any(std::array<std::int64_t, 14>{0, 1, -1, 2, 3, two_to_53 - 1, two_to_53, two_to_53 + 1, -two_to_53 - 1,
                                            INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1, its_ns});
  }
  double a_real() {
    const unsigned byte = take();
    if (byte < 64) return static_cast<double>(an_integer());
    if (byte < 80) {
      std::uint64_t bits = 0;
      for (int i = 0; i < 8; ++i) bits = bits << 8 | take();
      double number = 0;
      static_assert(sizeof(number) == sizeof(bits), "a double has 64 bits");
      std::memcpy(&number, &bits, sizeof(bits));
      return number;
    }
    static constexpr std::array<double, 16> few = {0.0,
                                                   -0.0,
                                                   0.5,
                                                   1.0,
                                                   1.5,
                                                   -1.0,
                                                   2.0,
                                                   3.0,
                                                   1e300,
                                                   5e-324,
                                                   9007199254740994.0,
                                                   1e21,
                                                   0.1,
                                                   2.5e-7,
                                                   123456.75,
                                                   -9007199254740992.0};
    if (byte < 250) return few[byte % few.size()];
    constexpr double infinity = std::numeric_limits<double>::infinity();
    return byte < 252 ? infinity : byte < 254 ? -infinity : std::numeric_limits<double>::quiet_NaN();
  }
  Timestamp an_instant_value() {
    return Timestamp::from_ns(
        any(std::array<std::int64_t, 6>{its_ns, its_ns + 1, its_ns + 1000000, 0, INT64_MAX, INT64_MIN}));
  }

  Plain a_scalar() {
    switch (take() % 8) {
      case 0: return {};
      case 1: return naive::boolean(take() % 2 == 1);
      case 2: return naive::integer(an_integer());
      case 3: return naive::real(a_real());
      case 4: return naive::instant(an_instant_value().ns());
      default: return naive::text(a_text());
    }
  }
  Plain an_array() {
    std::vector<Plain> elements(take() % 8);
    for (Plain& element : elements) element = take() % 8 == 0 ? an_object(2) : a_scalar();
    if (elements.size() == 7) {
      const unsigned first = take(), count = take() % 40;
      for (unsigned i = 0; i < count; ++i) elements.push_back(naive::text("t" + std::to_string((first + i * 7) % 64)));
    }
    return naive::array(std::move(elements));
  }
  Plain an_object(unsigned levels) {
    static constexpr std::array<const char*, 8> names = {"a", "b", "c", "", "a.b", ".", "\xC3\xA9", "a\xFF"};
    Object members;
    for (unsigned left = take() % 4; left > 0; --left) {
      const unsigned how = take();
      members[names[how % names.size()]] = how < 64 && levels > 0   ? an_object(levels - 1)
                                           : how < 96 && levels > 0 ? an_array()
                                                                    : a_scalar();
    }
    return naive::object(members);
  }
  Plain a_value() {
    const unsigned byte = take();
    if (byte >= 253) return naive::whole(Kind::unholdable, byte % 2);
    if (byte >= 190) return an_object(3);
    return byte % 3 == 0 ? an_array() : a_scalar();
  }

  std::string a_name() {
    static constexpr std::array<const char*, 24> names = {
        "a",      "b",      "name",        "level",        "members", "id",    "type",  "cid",
        "online", "status", "last_active", "texts",        "numbers", "title", "seen",  "big",
        "score",  "é",      "a",           "availability", "A",       "\"",    "a\xFF", "aa"};
    const unsigned byte = take();
    if (byte == 255) return "";
    if (byte == 254) return "$eq";
    std::string name = names[byte % names.size()];
    if (byte < 160) return name;
    if (byte < 190) return "activity." + name;
    name = byte % 3 == 0 ? "activity.a" : byte % 2 == 0 ? "a" : "b";
    for (unsigned left = take() % 4; left > 0; --left)
      name += any(std::array<const char*, 5>{".a", ".b", ".c", ".", ".a.b"});
    return name;
  }

  Channel a_channel() {
    Channel channel;
    channel.type = a_text();
    channel.id = a_text();
    channel.members.resize(take() % 5);
    for (std::string& member : channel.members) member = a_text();
    for (unsigned left = take() % 6; left > 0; --left) channel.custom[a_name()] = value(a_value());
    return channel;
  }
  User a_user() {
    User user;
    const unsigned byte = take();
    user.id = a_text();
    user.status = a_text();
    user.online = byte % 2 == 1;
    if (byte & 2) user.last_active = an_instant_value();
    user.availability = static_cast<Availability>(byte / 4 % 5);
    for (unsigned left = take() % 4; left > 0; --left) user.data[a_name()] = value(a_value());
    for (unsigned left = take() % 4; left > 0; --left) user.activity[a_name()] = value(a_value());
    return user;
  }
  Player a_player() {
    Player player;
    const unsigned byte = take();
    texts_.resize(byte % 4);
    for (std::string& text : texts_) text = a_text();
    player.texts.assign(texts_.begin(), texts_.end());
    player.numbers.resize(byte / 4 % 4);
    for (double& number : player.numbers) number = a_real();
    player.seen.resize(byte / 16 % 3);
    for (Timestamp& at : player.seen) at = an_instant_value();
    if (byte & 64) player.level = static_cast<std::int32_t>(take() % 4) - 1;
    if (byte & 128) player.name = a_text();
    player.title = any(std::array<const char*, 4>{nullptr, "", "Curiosity Rover", an_instant});
    player.big = any(std::array<std::uint64_t, 4>{1, INT64_MAX, std::uint64_t{INT64_MAX} + 1, UINT64_MAX});
    return player;
  }

  /// Often what the objects have, so that not all is false.
  Plain an_operand(Operator op, const std::string& field) {
    const unsigned how = take();
    if (op == Operator::exists && how < 250) return naive::boolean(how % 2 == 1);
    if (op == Operator::autocomplete && how < 200) return naive::text(a_text());
    const bool wants_array = op == Operator::in || op == Operator::nin;
    const std::optional<Plain> known = naive::find(known_, field);
    Plain operand = how % 2 == 1 && known ? *known : wants_array ? an_array() : a_value();
    if (wants_array && operand.kind != Kind::array && how < 250) {
      std::vector<Plain> elements = an_array().elements;
      elements.push_back(std::move(operand));
      return naive::array(std::move(elements));
    }
    const bool wants_scalar = op == Operator::contains || (op != Operator::eq && op != Operator::ne && !wants_array);
    if (wants_scalar && operand.kind == Kind::array && how < 250)
      return operand.elements.empty() ? a_scalar() : operand.elements[how / 2 % operand.elements.size()];
    return operand;
  }

  Question a_test() {
    static constexpr std::array<Operator, 11> ops = {
        Operator::eq, Operator::ne,  Operator::gt,       Operator::gte,    Operator::lt,          Operator::lte,
        Operator::in, Operator::nin, Operator::contains, Operator::exists, Operator::autocomplete};
    Question test;
    test.op = any(ops);
    test.field = a_name();
    test.operand = an_operand(test.op, test.field);
    return test;
  }

  Question a_question(unsigned deeper) {
    const unsigned what = take();
    if (left_ == 0 || what < 100) return a_test();
    if (what < 104) return {};
    --left_;
    Question result;
    result.op = any(std::array<Operator, 3>{Operator::all_of, Operator::any_of, Operator::none_of});
    result.by_signs = what % 2 == 1;
    if (what >= 248) {  // deeper than the limit, or just not
      Question inner = a_question(0);
      for (unsigned more = what >= 252 ? 24 + take() % 12 : 2; more > 0; --more) {
        Question outer;
        outer.op = result.op;
        outer.by_signs = result.by_signs && more % 2 == 1;
        outer.parts.push_back(std::move(inner));
        if (outer.by_signs && outer.op != Operator::none_of) outer.parts.emplace_back();
        inner = std::move(outer);
      }
      return inner;
    }
    unsigned count = take() % 5;
    if (result.by_signs) count = result.op == Operator::none_of ? 1 : count + 2;
    if (what >= 240 && !result.by_signs) count = 0;
    if (what < 240 && count == 0) count = 1;
    for (; count > 0; --count) result.parts.push_back(deeper > 0 ? a_question(deeper - 1) : a_test());
    return result;
  }

  const std::uint8_t* data_;
  std::size_t size_;
  unsigned left_ = 12;  // combinations
  Object known_;
  std::vector<std::string> texts_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  if (data[0] % 2 == 1) {
    read_text(std::string_view(reinterpret_cast<const char*>(data + 1), size - 1));
  } else {
    Maker(data + 1, size - 1).run();
  }
  return 0;
}
