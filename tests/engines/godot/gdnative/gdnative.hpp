// SPDX-License-Identifier: MIT
// The part of the C interface of GDNative in Godot 3.2 that the extension needs, written by hand. 64 bits only.
#ifndef GDNATIVE_HPP
#define GDNATIVE_HPP

#include <cstdint>

namespace gdnative {

// Values of the engine, of which only the size is known here.
struct String {
  std::uint8_t bytes[8];
};
struct CharString {
  std::uint8_t bytes[8];
};
struct StringArray {
  std::uint8_t bytes[8];
};
struct Variant {
  std::uint8_t bytes[24];
};
using Object = void;

enum class Type : int { nil = 0, boolean = 1, string = 4, array = 19, string_array = 23 };

struct CallError {
  int error, argument, expected;
};

// Every table of functions begins so.
struct Extension {
  unsigned type;  // 1: the functions to register classes
  unsigned major, minor;
  const void* next;
};

struct Core {
  Extension extension;
  unsigned extension_count;
  const Extension* const* extensions;
  void (*functions[744])();

  // The functions, by their places in the table of version 1.0. All of Godot 3 has this table.
  template <class Function>
  Function* at(int place) const {
    return reinterpret_cast<Function*>(functions[place]);
  }
  Type type_of(const Variant* value) const { return at<Type(const Variant*)>(507)(value); }
  void new_nil(Variant* into) const { at<void(Variant*)>(509)(into); }
  void new_bool(Variant* into, bool from) const { at<void(Variant*, bool)>(510)(into, from); }
  void new_string(Variant* into, const String* from) const { at<void(Variant*, const String*)>(514)(into, from); }
  void new_object(Variant* into, const Object* from) const { at<void(Variant*, const Object*)>(527)(into, from); }
  void new_string_array(Variant* into, const StringArray* from) const {
    at<void(Variant*, const StringArray*)>(533)(into, from);
  }
  bool as_bool(const Variant* value) const { return at<bool(const Variant*)>(537)(value); }
  String as_string(const Variant* value) const { return at<String(const Variant*)>(541)(value); }
  StringArray as_string_array(const Variant* value) const { return at<StringArray(const Variant*)>(560)(value); }
  Variant call(Variant* self, const String* method, const Variant** arguments, int count, CallError* error) const {
    return at<Variant(Variant*, const String*, const Variant**, int, CallError*)>(564)(self, method, arguments, count,
                                                                                       error);
  }
  void destroy(Variant* value) const { at<void(Variant*)>(570)(value); }

  int length(const CharString* chars) const { return at<int(const CharString*)>(571)(chars); }
  const char* data(const CharString* chars) const { return at<const char*(const CharString*)>(572)(chars); }
  void destroy(CharString* chars) const { at<void(CharString*)>(573)(chars); }

  void new_string(String* into) const { at<void(String*)>(574)(into); }
  CharString utf8(const String* string) const { return at<CharString(const String*)>(678)(string); }
  // True: it failed.
  bool parse_utf8(String* into, const char* text, int size) const {
    return at<bool(String*, const char*, int)>(680)(into, text, size);
  }
  void destroy(String* string) const { at<void(String*)>(721)(string); }

  void new_string_array(StringArray* into) const { at<void(StringArray*)>(203)(into); }
  void append(StringArray* array, const String* string) const {
    at<void(StringArray*, const String*)>(206)(array, string);
  }
  String get(const StringArray* array, int i) const { return at<String(const StringArray*, int)>(216)(array, i); }
  int size(const StringArray* array) const { return at<int(const StringArray*)>(217)(array); }
  void destroy(StringArray* array) const { at<void(StringArray*)>(218)(array); }

  void print_error(const char* what, const char* function) const {
    at<void(const char*, const char*, const char*, int)>(741)(what, function, "extension.cpp", 0);
  }
};

// How an instance is made, deleted and called. `data` is passed to each call; `free_data` may be null.
template <class Function>
struct Callback {
  Function* function;
  void* data;
  void (*free_data)(void*);
};
using Create = Callback<void*(Object*, void* data)>;  // returns the instance
using Destroy = Callback<void(Object*, void* data, void* instance)>;
using Method = Callback<Variant(Object*, void* data, void* instance, int count, Variant** arguments)>;

struct SignalArgument {
  String name;
  Type type;
  int hint;
  String hint_text;
  int usage;
  Variant default_value;
};
struct Signal {
  String name;
  int argument_count;
  SignalArgument* arguments;
  int default_count;
  Variant* defaults;
};

struct NativeScript {
  Extension extension;
  void (*register_class)(void* library, const char* name, const char* base, Create, Destroy);
  void (*register_tool_class)(void* library, const char* name, const char* base, Create, Destroy);
  void (*register_method)(void* library, const char* of, const char* name, int remote_calls, Method);
  void (*register_property)();
  void (*register_signal)(void* library, const char* of, const Signal*);
};

struct InitOptions {
  bool in_editor;
  std::uint64_t hashes[3];
  void (*report_version_mismatch)();
  void (*report_loading_error)(const Object* library, const char* what);
  Object* library;
  const Core* core;
  const String* path;
};

}  // namespace gdnative

#endif  // GDNATIVE_HPP
