// SPDX-License-Identifier: MIT
// A stand-in for the part of godot-cpp that the recipe uses. The macros have the names that Godot's headers and those of
// godot-cpp leave defined in every file, and are defined when the library is included. The classes have only what the
// recipe needs. What the recipe binds is recorded, so that a program can call it by name, or give it to an engine.
#ifndef GODOT_CPP_STAND_IN_HPP
#define GODOT_CPP_STAND_IN_HPP

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <initializer_list>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

// Names of Godot's macros.
#define SWAP(m_x, m_y) std::swap((m_x), (m_y))
#define MIN(m_a, m_b) (((m_a) < (m_b)) ? (m_a) : (m_b))
#define MAX(m_a, m_b) (((m_a) > (m_b)) ? (m_a) : (m_b))
#define CLAMP(m_a, m_min, m_max) MIN(MAX(m_a, m_min), m_max)
#define ABS(m_v) (((m_v) < 0) ? (-(m_v)) : (m_v))
#define SIGN(m_v) (((m_v) < 0) ? (-1.0) : (+1.0))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define memnew(m_class) (::new ("", "") m_class)
#define memdelete(m_v) ::godot::stand_in_delete(m_v)
#define memalloc(m_size) ::operator new(m_size)
#define memfree(m_mem) ::operator delete(m_mem)
#define GDCLASS(m_class, m_inherits) friend struct ::godot::ClassDB;
#define GDREGISTER_CLASS(m_class) ::godot::ClassDB::register_class<m_class>()
#define D_METHOD(...) ::godot::first_of(__VA_ARGS__)
#define ADD_SIGNAL(m_signal) ::godot::ClassDB::add_signal(m_signal)
#define ERR_PRINT(m_msg) std::printf("error: %s\n", (m_msg).utf8().get_data())
#define ERR_FAIL_COND(m_cond) \
  if (unlikely(m_cond)) return
#define Math_PI 3.1415926535897932384626433833
#define Math_TAU 6.2831853071795864769252867666
#define CMP_EPSILON 0.00001
#define UNIT_EPSILON 0.001
#define FUNC1(m_f) m_f
#define STR(m_x) #m_x
#define _STR(m_x) #m_x
#define _ALWAYS_INLINE_ inline
#define _FORCE_INLINE_ inline
#define _NO_DISCARD_ [[nodiscard]]
#define SNAME(m_arg) m_arg
#define TTR(m_text) m_text
#define RTR(m_text) m_text
#define CoreStringName(m_name) #m_name
#define BSWAP32(m_x) __builtin_bswap32(m_x)
#define TOOLS_ENABLED 1
#define DEBUG_ENABLED 1

inline void* operator new(std::size_t size, const char*, const char*) { return ::operator new(size); }
inline void operator delete(void* memory, const char*, const char*) { ::operator delete(memory); }

namespace godot {

template <class T>
void stand_in_delete(T* value) {
  value->~T();
  ::operator delete(value);
}

enum Error { OK, FAILED };

class CharString {
 public:
  explicit CharString(std::string text) : text_(std::move(text)) {}
  const char* get_data() const { return text_.c_str(); }
  int64_t length() const { return static_cast<int64_t>(text_.size()); }

 private:
  std::string text_;
};

class String {
 public:
  String() = default;
  String(const char* text) : text_(text) {}
  static String utf8(const char* text, int64_t size) {
    String string;
    string.text_.assign(text, static_cast<std::size_t>(size));
    return string;
  }
  static String num_int64(int64_t number) { return String(std::to_string(number).c_str()); }
  CharString utf8() const { return CharString(text_); }
  friend String operator+(String a, const String& b) {
    a.text_ += b.text_;
    return a;
  }
  friend bool operator==(const String& a, const String& b) { return a.text_ == b.text_; }

 private:
  std::string text_;
};

class PackedStringArray {
 public:
  void push_back(const String& text) { texts_.push_back(text); }
  int64_t size() const { return static_cast<int64_t>(texts_.size()); }
  const String& operator[](int64_t i) const { return texts_[static_cast<std::size_t>(i)]; }

 private:
  std::vector<String> texts_;
};

class Node;

struct Variant {
  enum Type { NIL, BOOL, STRING };
};
struct PropertyInfo {
  Variant::Type type;
  const char* name;
  PropertyInfo(Variant::Type type_of, const char* name_of) : type(type_of), name(name_of) {}
};
struct MethodInfo {
  const char* name;
  std::vector<PropertyInfo> arguments;
  template <class... Properties>
  explicit MethodInfo(const char* name_of, Properties... properties) : name(name_of), arguments{properties...} {}
};

using Value = std::variant<std::monostate, bool, String, PackedStringArray>;

struct BoundMethod {
  const char* name;
  std::size_t arguments;
  std::function<Value(Node*, const std::vector<Value>&)> call;  // with values of the types that it takes
};

template <class... Rest>
const char* first_of(const char* name, Rest...) {
  return name;
}

struct ClassDB {
  static inline std::vector<BoundMethod> methods;
  static inline std::vector<MethodInfo> signals;

  template <class Class>
  static void register_class() {
    Class::_bind_methods();
  }
  template <class Class, class Result, class... Arguments>
  static void bind_method(const char* name, Result (Class::*method)(Arguments...)) {
    bind<Class, Result, Arguments...>(name, method, std::index_sequence_for<Arguments...>());
  }
  template <class Class, class Result, class... Arguments>
  static void bind_method(const char* name, Result (Class::*method)(Arguments...) const) {
    bind<Class, Result, Arguments...>(name, method, std::index_sequence_for<Arguments...>());
  }
  static void add_signal(const MethodInfo& signal) { signals.push_back(signal); }

 private:
  template <class Class, class Result, class... Arguments, class Method, std::size_t... at>
  static void bind(const char* name, Method method, std::index_sequence<at...>) {
    const auto call = [method](Node* node, [[maybe_unused]] const std::vector<Value>& values) -> Value {
      Class* const self = static_cast<Class*>(node);
      if constexpr (std::is_void_v<Result>) {
        (self->*method)(std::get<std::decay_t<Arguments>>(values[at])...);
        return {};
      } else {
        return (self->*method)(std::get<std::decay_t<Arguments>>(values[at])...);
      }
    };
    methods.push_back({name, sizeof...(Arguments), call});
  }
};

class Time {
 public:
  static Time* get_singleton() {
    static Time time;
    return &time;
  }
  double get_unix_time_from_system() const { return now; }
  double now = 0;
};

class Node {
 public:
  virtual ~Node() = default;
  virtual void _process(double) {}
  void set_process(bool) {}
  std::function<void(const char* signal, const std::vector<Value>&)> handler;

 protected:
  template <class... Arguments>
  void emit_signal(const char* signal, const Arguments&... arguments) {
    if (handler) handler(signal, {Value(arguments)...});
  }
};

}  // namespace godot

#endif  // GODOT_CPP_STAND_IN_HPP
