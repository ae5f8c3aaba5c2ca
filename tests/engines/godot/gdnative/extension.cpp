// SPDX-License-Identifier: MIT
// Gives the node of the recipe to a real Godot 3.2: what it bound in the stand-in is registered with the engine.
#include "gdnative.hpp"
#include "presence_client.hpp"

#include <godot_cpp/classes/time.hpp>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace {

using godot::BoundMethod;
using godot::ClassDB;
using godot::Node;
using godot::PackedStringArray;
using godot::Value;

const gdnative::Core* core;

// A value of the engine that is destroyed with its scope.
template <class T>
struct Owned {
  alignas(8) T value;
  Owned() = default;
  explicit Owned(const T& from) : value(from) {}
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() { core->destroy(&value); }
};

void write(gdnative::String& into, const godot::String& from) {
  const godot::CharString utf8 = from.utf8();
  core->new_string(&into);
  if (core->parse_utf8(&into, utf8.get_data(), static_cast<int>(utf8.length())))
    core->print_error("a string is not UTF-8", __func__);
}

godot::String read(const gdnative::String& from) {
  const Owned<gdnative::CharString> utf8(core->utf8(&from));
  return godot::String::utf8(core->data(&utf8.value), core->length(&utf8.value));
}

void write(gdnative::Variant& into, const Value& from) {
  if (const bool* const boolean = std::get_if<bool>(&from)) {
    core->new_bool(&into, *boolean);
  } else if (const godot::String* const string = std::get_if<godot::String>(&from)) {
    Owned<gdnative::String> text;
    write(text.value, *string);
    core->new_string(&into, &text.value);
  } else if (const PackedStringArray* const strings = std::get_if<PackedStringArray>(&from)) {
    Owned<gdnative::StringArray> array;
    core->new_string_array(&array.value);
    for (int64_t i = 0; i < strings->size(); ++i) {
      Owned<gdnative::String> text;
      write(text.value, (*strings)[i]);
      core->append(&array.value, &text.value);
    }
    core->new_string_array(&into, &array.value);
  } else {
    core->new_nil(&into);
  }
}

Value read(const gdnative::Variant& from) {
  switch (core->type_of(&from)) {
    case gdnative::Type::boolean: return core->as_bool(&from);
    case gdnative::Type::string: {
      const Owned<gdnative::String> text(core->as_string(&from));
      return read(text.value);
    }
    case gdnative::Type::array:
    case gdnative::Type::string_array: {
      const Owned<gdnative::StringArray> array(core->as_string_array(&from));
      PackedStringArray strings;
      for (int i = 0; i < core->size(&array.value); ++i) {
        const Owned<gdnative::String> text(core->get(&array.value, i));
        strings.push_back(read(text.value));
      }
      return strings;
    }
    default: return {};
  }
}

void emit(gdnative::Object* object, const char* signal, const std::vector<Value>& values) {
  std::vector<Value> all = {godot::String(signal)};
  all.insert(all.end(), values.begin(), values.end());
  std::vector<gdnative::Variant> arguments(all.size());
  std::vector<const gdnative::Variant*> pointers;
  for (std::size_t i = 0; i < all.size(); ++i) {
    write(arguments[i], all[i]);
    pointers.push_back(&arguments[i]);
  }
  Owned<gdnative::Variant> self;
  core->new_object(&self.value, object);
  Owned<gdnative::String> method;
  write(method.value, "emit_signal");
  gdnative::CallError error = {};
  const Owned<gdnative::Variant> result(
      core->call(&self.value, &method.value, pointers.data(), static_cast<int>(pointers.size()), &error));
  if (error.error != 0) core->print_error("the signal was not emitted", signal);
  for (gdnative::Variant& argument : arguments) core->destroy(&argument);
}

void* create(gdnative::Object* object, void*) {
  Node* const node = memnew(PresenceClient);
  node->handler = [object](const char* signal, const std::vector<Value>& values) { emit(object, signal, values); };
  return node;
}

void destroy(gdnative::Object*, void*, void* instance) { memdelete(static_cast<Node*>(instance)); }

void set_time() {
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  godot::Time::get_singleton()->now = now.count();
}

gdnative::Variant call(gdnative::Object*, void* data, void* instance, int count, gdnative::Variant** arguments) {
  set_time();
  const BoundMethod& method = *static_cast<const BoundMethod*>(data);
  std::vector<Value> values;
  for (int i = 0; i < count; ++i) values.push_back(read(*arguments[i]));
  Value result;
  if (values.size() == method.arguments) {
    result = method.call(static_cast<Node*>(instance), values);
  } else {
    core->print_error("wrong number of arguments", method.name);
  }
  gdnative::Variant returned;
  write(returned, result);
  return returned;
}

gdnative::Variant process(gdnative::Object*, void*, void* instance, int, gdnative::Variant**) {
  set_time();
  static_cast<Node*>(instance)->_process(0.016);
  gdnative::Variant nil;
  core->new_nil(&nil);
  return nil;
}

void register_signal(const gdnative::NativeScript& scripts, void* library, const godot::MethodInfo& info) {
  std::vector<gdnative::SignalArgument> arguments(info.arguments.size());
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    write(arguments[i].name, info.arguments[i].name);
    core->new_string(&arguments[i].hint_text);
    const bool is_bool = info.arguments[i].type == godot::Variant::BOOL;
    arguments[i].type = is_bool ? gdnative::Type::boolean : gdnative::Type::string;
    core->new_nil(&arguments[i].default_value);
  }
  gdnative::Signal signal = {};
  write(signal.name, info.name);
  signal.argument_count = static_cast<int>(arguments.size());
  signal.arguments = arguments.data();
  scripts.register_signal(library, "PresenceClient", &signal);
  core->destroy(&signal.name);
  for (gdnative::SignalArgument& argument : arguments) {
    core->destroy(&argument.name);
    core->destroy(&argument.hint_text);
    core->destroy(&argument.default_value);
  }
}

}  // namespace

#define EXPORTED extern "C" __attribute__((visibility("default")))

// What the engine looks up in the library.
EXPORTED void godot_gdnative_init(gdnative::InitOptions* options) { core = options->core; }
EXPORTED void godot_gdnative_terminate(void*) {}
EXPORTED void godot_nativescript_init(void* library) {
  const gdnative::NativeScript* scripts = nullptr;
  for (unsigned i = 0; i < core->extension_count; ++i) {
    if (core->extensions[i]->type == 1) scripts = reinterpret_cast<const gdnative::NativeScript*>(core->extensions[i]);
  }
  if (scripts == nullptr) return core->print_error("the engine has no NativeScript", __func__);
  scripts->register_class(library, "PresenceClient", "Node", {create, nullptr, nullptr}, {destroy, nullptr, nullptr});
  GDREGISTER_CLASS(PresenceClient);
  for (BoundMethod& method : ClassDB::methods)
    scripts->register_method(library, "PresenceClient", method.name, 0, {call, &method, nullptr});
  scripts->register_method(library, "PresenceClient", "_process", 0, {process, nullptr, nullptr});
  for (const godot::MethodInfo& signal : ClassDB::signals) register_signal(*scripts, library, signal);
}
