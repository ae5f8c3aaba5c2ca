// SPDX-License-Identifier: MIT
// A stand-in for the part of godot-cpp that the recipe uses: Godot itself was not there. The macros have the names that
// Godot's headers, its own or godot-cpp's, leave defined in every file, and are alive when the library is included; the
// classes do no more than the recipe needs.
#ifndef GODOT_CPP_STAND_IN_HPP
#define GODOT_CPP_STAND_IN_HPP

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <initializer_list>
#include <new>
#include <string>
#include <utility>
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
#define GDCLASS(m_class, m_inherits)
#define GDREGISTER_CLASS(m_class)
#define D_METHOD(...) "method"
#define ADD_SIGNAL(m_signal) static_cast<void>(m_signal)
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

struct Variant {
  enum Type { NIL, BOOL, STRING };
};
struct PropertyInfo {
  PropertyInfo(Variant::Type, const char*) {}
};
struct MethodInfo {
  template <class... Properties>
  MethodInfo(const char*, Properties...) {}
};
struct ClassDB {
  template <class Method>
  static void bind_method(const char*, Method) {}
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
  std::function<void(const String&, bool, const String&)> handler;

 protected:
  void emit_signal(const char*, const String& id, bool online, const String& status) {
    if (handler) handler(id, online, status);
  }
};

}  // namespace godot

#endif  // GODOT_CPP_STAND_IN_HPP
