// SPDX-License-Identifier: MIT
#ifndef PRESENCE_QUERY_DETAIL_OPERAND_HPP
#define PRESENCE_QUERY_DETAIL_OPERAND_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/compact_vector.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/base/detail/user_key.hpp>
#include <presence/model/value.hpp>
#include <presence/query/detail/operand_base.hpp>
#include <presence/query/detail/word_prefix.hpp>

#include <cstddef>      // for ptrdiff_t, size_t
#include <cstdint>      // for uint64_t
#include <cstring>      // for memcmp, memcpy
#include <string_view>  // for string_view
#include <utility>      // for move

namespace presence {
inline namespace PRESENCE_ABI {

namespace detail {

/// Returns whether a field equals an operand, where neither is an array.
inline bool same_scalar(const ValueView& field, const ValueView& operand) noexcept {
  return compare_scalars(field, operand) == Ordering::equal;
}

/// Returns whether a range test matches if the field compares with the operand as `order` says.
constexpr bool is_in_range(Operator op, Ordering order) noexcept {
  switch (op) {
    case Operator::gt: return order == Ordering::greater;
    case Operator::gte: return order == Ordering::greater || order == Ordering::equal;
    case Operator::lt: return order == Ordering::less;
    default: return order == Ordering::less || order == Ordering::equal;
  }
}

/// Returns whether `holds` returns true for the field, or for an element if the field is an array. Stops at the first.
template <class Holds>
bool any_element(const ValueView& field, Holds holds) {
  if (field.kind() != ValueKind::array) return holds(field);
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (holds(field[i])) return true;
  }
  return false;
}

inline bool is_array(const ValueView& field) noexcept { return field.kind() == ValueKind::array; }

/// The hash of the strings of a TextSet.
struct TextHash {
  /// Long strings get a stronger hash: if their fast hashes are equal, most of their bytes are equal too, which makes
  /// each comparison long.
  static std::uint64_t of(std::string_view text) noexcept {
    const LookupKey sought(text);
    return sought.is_short() ? hash_of(sought, 0) : SipHash<1, 3>::hash64(text, {});
  }
};

/// A set of strings for fast lookup. Up to four are compared one by one. Larger sets are sorted by hash, then size,
/// then bytes. The first bits of the hash select a range of the set, and a binary search finds the string in it. So an
/// attacker who chooses strings with colliding hashes makes a search longer, but never linear.
template <class Hash>
class BasicTextSet {
 public:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  /// Returns an empty set. It has room for the given numbers of strings and of their bytes, in one allocation. The
  /// caller must pass it to `drop`.
  static BasicTextSet* make(std::size_t texts, std::size_t bytes) {
    return construct<BasicTextSet>(allocate(size_of(texts, bytes), alignof(BasicTextSet)), texts, bytes);
  }
  static BasicTextSet* copy(const BasicTextSet& other) {
    Starts starts = other.starts_;
    BasicTextSet* const made = make(other.room_, other.bytes_);
    made->starts_ = std::move(starts);
    made->count_ = other.count_;
    std::memcpy(made->entries(), other.entries(), size_of(other.room_, other.bytes_) - sizeof(BasicTextSet));
    return made;
  }
  static void drop(BasicTextSet* set) noexcept {
    const std::size_t size = size_of(set->room_, set->bytes_);
    set->~BasicTextSet();
    deallocate(set, size, alignof(BasicTextSet));
  }
  BasicTextSet(const BasicTextSet&) = delete;
  BasicTextSet& operator=(const BasicTextSet&) = delete;

  /// Adds a string. Precondition: there is room for it. `find` finds it only after `finish`.
  void add(std::string_view text) noexcept {
    const std::size_t at = count_ == 0 ? 0 : entries()[count_ - 1].at + entries()[count_ - 1].size;
    construct<Entry>(entries() + count_++, Entry{0, at, text.size()});
    if (!text.empty()) std::memcpy(characters() + at, text.data(), text.size());
  }
  void finish() {
    const bool are_few = count_ <= few;
    for (std::size_t i = 0; i < count_; ++i) {
      // Different strings usually differ in their last character.
      const std::string_view text = text_of(entries()[i]);
      entries()[i].hash = !are_few ? Hash::of(text) : text.empty() ? 0 : octet(text.back());
    }
    struct {
      Entry* first;
      std::size_t count;
      Entry* begin() const noexcept { return first; }
      std::size_t size() const noexcept { return count; }
    } all{entries(), count_};
    detail::sort(all, [this](const Entry& a, const Entry& b) {
      // In parentheses, because clang++ takes `hash <` for std::hash behind a host's `using namespace std`.
      if (a.hash != b.hash) return (a.hash) < b.hash;
      if (a.size != b.size) return a.size < b.size;
      return compare(characters() + a.at, characters() + b.at, a.size, 0) < 0;
    });
    std::size_t kept = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      if (kept > 0 && entries()[kept - 1].hash == entries()[i].hash &&
          text_of(entries()[kept - 1]) == text_of(entries()[i]))
        continue;
      entries()[kept++] = entries()[i];
    }
    count_ = kept;
    if (!are_few) make_starts();
  }

  std::size_t size() const noexcept { return count_; }

  /// Returns the index of the string, or `none`.
  std::size_t find(std::string_view text) const noexcept {
    return starts_.has_memory() ? find_by_hash(text) : find_among_few(text);
  }
  bool contains(std::string_view text) const noexcept { return find(text) != none; }

 private:
  static constexpr std::size_t few = 4;
  struct Entry {
    std::uint64_t hash;  // in a small set, the last character
    std::size_t at, size;
  };

  using Starts = CompactVector<std::size_t>;

  BasicTextSet(std::size_t texts, std::size_t bytes) noexcept : room_(texts), bytes_(bytes) {}
  ~BasicTextSet() = default;
  template <class T, class... Args>
  friend T* construct(void* at, Args&&... args);

  /// Cannot overflow: the filter fits into memory, and this is less than the filter takes there.
  static std::size_t size_of(std::size_t texts, std::size_t bytes) noexcept {
    return sizeof(BasicTextSet) + texts * sizeof(Entry) + bytes;
  }
  // The entries are stored behind this object, and the characters of all strings behind the entries.
  Entry* entries() noexcept { return static_cast<Entry*>(static_cast<void*>(this + 1)); }
  const Entry* entries() const noexcept { return static_cast<const Entry*>(static_cast<const void*>(this + 1)); }
  char* characters() noexcept { return static_cast<char*>(static_cast<void*>(entries() + room_)); }
  const char* characters() const noexcept {
    return static_cast<const char*>(static_cast<const void*>(entries() + room_));
  }
  std::string_view text_of(const Entry& entry) const noexcept {
    return std::string_view(characters() + entry.at, entry.size);
  }

  /// Returns the next eight bytes of a string, or the remaining ones if there are fewer.
  static std::uint64_t word_at(const char* text, std::size_t left) noexcept {
    return left >= 8 ? load_word(text) : load_part(text, left);
  }
  /// A total order of strings of one size whose first `same` bytes are equal. Compares words for the next 64 bytes,
  /// then bytes: words are faster unless long strings differ late.
  static int compare(const char* a, const char* b, std::size_t size, std::size_t same) noexcept {
    const std::size_t by_words = size - same < 64 ? size : same + 64;
    for (; same < by_words; same += 8) {
      const std::uint64_t x = word_at(a + same, size - same), y = word_at(b + same, size - same);
      if (x != y) return x < y ? -1 : 1;
    }
    return same < size ? std::memcmp(a + same, b + same, size - same) : 0;
  }

  PRESENCE_DETAIL_APART std::size_t find_by_hash(std::string_view text) const noexcept {
    const std::uint64_t hash = Hash::of(text);
    const std::size_t* const start = &starts_[1] + (hash >> starts_[0]);
    const std::size_t first = start[0], last = start[1];
    if (last - first > few) return find_among_many(first, last, hash, text);
    for (std::size_t i = first; i != last; ++i) {
      if (entries()[i].hash == hash && text_of(entries()[i]) == text) return i;
    }
    return none;
  }

  PRESENCE_DETAIL_APART std::size_t find_among_few(std::string_view text) const noexcept {
    const std::uint64_t last = text.empty() ? 0 : octet(text.back());
    for (std::size_t i = 0; i < count_; ++i) {
      const Entry& entry = entries()[i];
      if (entry.size == text.size() && entry.hash == last && text_of(entry) == text) return i;
    }
    return none;
  }

  /// Returns the end of the prefix of a range for which `is_alike` returns true. It must for the first entry. Galloping
  /// search, because the prefix is usually short.
  template <class IsAlike>
  static const Entry* end_of_alike(const Entry* low, const Entry* high, IsAlike is_alike) noexcept {
    std::ptrdiff_t step = 1;
    while (high - low > step && is_alike(low[step])) {
      low += step;
      step *= 2;
    }
    return detail::partition_point(low + 1, high - low > step ? low + step : high, is_alike);
  }
  /// Narrows a sorted range of entries to the part for which `is_alike` returns true. `is_before` returns true for the
  /// entries before that part.
  template <class IsBefore, class IsAlike>
  static void narrow(const Entry*& low, const Entry*& high, IsBefore is_before, IsAlike is_alike) noexcept {
    if (!is_alike(*low)) low = detail::partition_point(low, high, is_before);
    if (low == high || is_alike(high[-1])) return;
    high = is_alike(*low) ? end_of_alike(low, high, is_alike) : low;
  }

  /// Called only if the first bits of many hashes collide. By chance only few do, so this is written for many.
  PRESENCE_DETAIL_APART std::size_t find_among_many(std::size_t first, std::size_t last, std::uint64_t hash,
                                                    std::string_view text) const noexcept {
    const Entry* low = entries() + first;
    const Entry* high = entries() + last;
    const std::size_t size = text.size();
    narrow(
        low, high, [&](const Entry& entry) { return entry.hash < hash; },
        [&](const Entry& entry) { return entry.hash == hash; });
    if (low == high) return none;
    narrow(
        low, high, [&](const Entry& entry) { return entry.size < size; },
        [&](const Entry& entry) { return entry.size == size; });
    if (low == high) return none;

    // The range is sorted, so all its entries share the common prefix of the first and the last one. The first word
    // after that prefix narrows the range. Repeat with the next words.
    const char* const characters = this->characters();
    std::size_t same = 0;
    while (high - low > 1) {
      for (; size - same >= 8; same += 8) {
        const std::uint64_t word = load_word(characters + low->at + same);
        if (word != load_word(characters + high[-1].at + same)) break;
        if (word != load_word(text.data() + same)) return none;
      }
      if (size - same < 8) break;
      const std::uint64_t next = load_word(text.data() + same);
      const auto word_of = [&](const Entry& entry) { return load_word(characters + entry.at + same); };
      for (std::size_t count = static_cast<std::size_t>(high - low); count > 1; count -= count / 2) {
        if (word_of(low[count / 2 - 1]) < next) low += count / 2;
      }
      if (word_of(*low) != next) return none;
      high = end_of_alike(low, high, [&](const Entry& entry) { return word_of(entry) == next; });
      same += 8;
    }
    if (high - low > 1) {
      low = detail::partition_point(
          low, high, [&](const Entry& entry) { return compare(characters + entry.at, text.data(), size, same) < 0; });
      if (low == high) return none;
    }
    const bool is_found = std::memcmp(characters + low->at + same, text.data() + same, size - same) == 0;
    return is_found ? static_cast<std::size_t>(low - entries()) : none;
  }

  void make_starts() {
    std::size_t buckets = 2, shift = 63;
    for (; buckets < 2 * count_; buckets *= 2) --shift;
    starts_.reserve(buckets + 2);
    starts_.push_back(shift);
    for (std::size_t i = 0, bucket = 0; bucket <= buckets; ++bucket) {
      while (i < count_ && entries()[i].hash >> shift < bucket) ++i;
      starts_.push_back(i);
    }
  }

  std::size_t room_, bytes_, count_ = 0;
  Starts
      starts_;  // in a large set: the shift that leaves the first bits of a hash, then the start of the range of each
};

using TextSet = BasicTextSet<TextHash>;

/// The set of the values in an array, prepared for fast lookup. Values that are equal count once.
class ValueSet {
 public:
  explicit ValueSet(const Elements<Value>& elements) {
    std::size_t texts = 0, characters = 0, numbers = 0, moments = 0, objects = 0;
    Moment moment;
    for (const Value& element : elements) {
      const ValueView view = element.view();
      if (view.is_number()) ++numbers;
      if (view.kind() == ValueKind::timestamp) ++moments;
      if (view.kind() == ValueKind::object) ++objects;
      if (view.kind() != ValueKind::string) continue;
      if (read_moment(view.text(), moment)) {
        ++moments;
      } else {
        ++texts;
        characters += view.text().size();
      }
    }
    if (texts > 0) texts_.make(texts, characters);
    numbers_.reserve(numbers);
    moments_.reserve(moments);
    objects_.reserve(objects);
    for (const Value& element : elements) add(element);
    if (texts > 0) texts_->finish();
    make_set(numbers_, &is_less_number);
    make_set(moments_, &is_less_moment);
    make_set(objects_, &is_less_object);
  }

  bool has(std::string_view text) const noexcept {
    if (moments_.has_memory()) return find(text) != none;
    return texts_ && texts_->contains(text);
  }
  bool has(const ValueView& value) const noexcept { return find(value) != none; }

  /// Returns whether the field is an array with all values of this set and no others. Allocates one bit per value if
  /// the set is large.
  bool is_same_set(const ValueView& field) const {
    if (!is_array(field) || field.size() < size()) return false;
    Places found(size());
    std::size_t left = size();
    const bool has_another = any_element(field, [&](const ValueView& element) {
      const std::size_t place = find(element);
      if (place == none) return true;
      if (found.mark(place)) --left;
      return false;
    });
    return !has_another && left == 0;
  }

 private:
  static constexpr std::size_t none = TextSet::none;

  /// A bit set.
  class Places {
   public:
    explicit Places(std::size_t count) {
      const std::size_t words = count / 64 + 1;
      if (words > inside) {
        outside_.reserve(words);
        for (std::size_t i = 0; i < words; ++i) outside_.push_back(0);
        words_ = outside_.begin();
      } else {
        for (std::size_t i = 0; i < words; ++i) inside_[i] = 0;
        words_ = inside_;
      }
    }
    Places(const Places&) = delete;
    Places& operator=(const Places&) = delete;
    /// Sets the bit. Returns whether it was not set before.
    bool mark(std::size_t place) noexcept {
      const std::uint64_t bit = std::uint64_t{1} << place % 64;
      const bool is_new = (words_[place / 64] & bit) == 0;
      words_[place / 64] |= bit;
      return is_new;
    }

   private:
    static constexpr std::size_t inside = 16;
    std::uint64_t inside_[inside];
    CompactVector<std::uint64_t> outside_;
    std::uint64_t* words_;
  };

  /// Owns a TextSet, or nothing if there are no strings.
  class Texts {
   public:
    Texts() noexcept = default;
    Texts(const Texts& other) : set_(other.set_ == nullptr ? nullptr : TextSet::copy(*other.set_)) {}
    Texts& operator=(const Texts&) = delete;
    ~Texts() {
      if (set_ != nullptr) TextSet::drop(set_);
    }
    void make(std::size_t texts, std::size_t bytes) { set_ = TextSet::make(texts, bytes); }
    TextSet* operator->() noexcept { return set_; }
    const TextSet* operator->() const noexcept { return set_; }
    explicit operator bool() const noexcept { return set_ != nullptr; }

   private:
    TextSet* set_ = nullptr;
  };

  void add(const Value& element) {
    const ValueView view = element.view();
    Moment moment;
    switch (view.kind()) {
      case ValueKind::string:
        if (read_moment(view.text(), moment)) {
          moments_.push_back(moment);
        } else {
          texts_->add(view.text());
        }
        break;
      case ValueKind::integer:
      case ValueKind::real: numbers_.push_back(element); break;
      case ValueKind::timestamp: moments_.push_back(moment_of(view.instant())); break;
      case ValueKind::object: objects_.push_back(element); break;
      case ValueKind::boolean: (view.truth() ? has_true_ : has_false_) = true; break;
      default: has_null_ = true; break;
    }
  }

  static bool is_less_number(const Value& a, const Value& b) noexcept {
    return compare_numbers(a.view(), b.view()) == Ordering::less;
  }
  static bool is_less_moment(const Moment& a, const Moment& b) noexcept { return a < b; }
  static bool is_less_object(const Value& a, const Value& b) noexcept {
    return compare_objects(a.view(), b.view()) == Ordering::less;
  }
  // The order is a function pointer, so that numbers and objects are sorted by the same code.
  template <class T>
  static void make_set(CompactVector<T>& all, bool (*is_before)(const T&, const T&) noexcept) {
    detail::sort(all.begin(), all.size(), is_before);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (kept > 0 && !is_before(all[kept - 1], all[i])) continue;
      if (kept != i) all[kept] = std::move(all[i]);
      ++kept;
    }
    all.truncate(kept);
  }

  // Each value has an index: first the strings, then the numbers, the moments, the objects, true, false and null.
  std::size_t text_count() const noexcept { return texts_ ? texts_->size() : 0; }
  std::size_t place_of_objects() const noexcept { return text_count() + numbers_.size() + moments_.size(); }
  std::size_t place_of_true() const noexcept { return place_of_objects() + objects_.size(); }
  std::size_t size() const noexcept {
    return place_of_true() + (has_true_ ? 1 : 0) + (has_false_ ? 1 : 0) + (has_null_ ? 1 : 0);
  }

  PRESENCE_DETAIL_APART std::size_t find(std::string_view text) const noexcept {
    Moment moment;
    if (moments_.has_memory() && read_moment(text, moment)) return find(moment);
    return texts_ ? texts_->find(text) : none;
  }
  std::size_t find(const Moment& moment) const noexcept {
    const Moment* const place = detail::not_less(moments_.begin(), moments_.end(), moment);
    if (place == moments_.end() || *place != moment) return none;
    return text_count() + numbers_.size() + static_cast<std::size_t>(place - moments_.begin());
  }
  std::size_t find(const ValueView& value) const noexcept {
    switch (value.kind()) {
      case ValueKind::string: return find(value.text());
      case ValueKind::timestamp: return find(moment_of(value.instant()));
      case ValueKind::integer:
      case ValueKind::real: {
        const Value* const place = detail::partition_point(numbers_.begin(), numbers_.end(), [&](const Value& number) {
          return compare_numbers(number.view(), value) == Ordering::less;
        });
        if (place == numbers_.end() || compare_numbers(place->view(), value) != Ordering::equal) return none;
        return text_count() + static_cast<std::size_t>(place - numbers_.begin());
      }
      case ValueKind::object: {
        const Value* const place = detail::partition_point(objects_.begin(), objects_.end(), [&](const Value& object) {
          return compare_objects(object.view(), value) == Ordering::less;
        });
        if (place == objects_.end() || compare_objects(place->view(), value) != Ordering::equal) return none;
        return place_of_objects() + static_cast<std::size_t>(place - objects_.begin());
      }
      case ValueKind::boolean:
        if (value.truth()) return has_true_ ? place_of_true() : none;
        return has_false_ ? place_of_true() + (has_true_ ? 1 : 0) : none;
      case ValueKind::absent:
      case ValueKind::null: return has_null_ ? size() - 1 : none;
      default: return none;
    }
  }

  Texts texts_;                    // strings that are not timestamps
  CompactVector<Value> numbers_;   // ascending
  CompactVector<Moment> moments_;  // ascending; timestamps, and strings that are timestamps
  CompactVector<Value> objects_;   // ascending, by compare_objects
  bool has_true_ = false, has_false_ = false, has_null_ = false;
};

/// Returns whether a test of a valid filter matches a field. For a single field: prepares the operand only where this
/// is needed to stay linear.
inline bool holds(Operator op, const ValueView& field, const Value& value) {
  const ValueView operand = value.view();
  const auto is_operand = [&](const ValueView& element) { return same_scalar(element, operand); };
  switch (op) {
    case Operator::eq:
      if (is_array(operand)) return is_array(field) && ValueSet(value.elements()).is_same_set(field);
      return any_element(field, is_operand);
    case Operator::ne: return !holds(Operator::eq, field, value);
    case Operator::gt:
    case Operator::gte:
    case Operator::lt:
    case Operator::lte:
      return any_element(field,
                         [&](const ValueView& element) { return is_in_range(op, compare_scalars(element, operand)); });
    case Operator::in:
      if (!is_array(field)) return any_element(operand, [&](const ValueView& one) { return same_scalar(field, one); });
      return any_element(field,
                         [set = ValueSet(value.elements())](const ValueView& element) { return set.has(element); });
    case Operator::nin: return !holds(Operator::in, field, value);
    case Operator::contains: return is_array(field) && any_element(field, is_operand);
    case Operator::exists: return !field.is_absent() == operand.truth();
    case Operator::autocomplete:
      return any_element(field, [prefix = WordPrefix(operand.text())](const ValueView& element) {
        return element.kind() == ValueKind::string && prefix.is_in(element.text());
      });
    default: return false;
  }
}

/// A value that is not an array.
class ScalarOperand : public Operand {
 public:
  ScalarOperand(Operator op, const Value& value) : ScalarOperand(op, value, Form::scalar) {}

  Ordering compare(const ValueView& element) const noexcept { return compare_scalars(element, value_.view()); }
  Ordering compare(std::string_view text) const noexcept { return compare(ValueView(text)); }
  bool is_same(const ValueView& element) const noexcept {
    if (element.kind() == ValueKind::boolean && value_.kind() == ValueKind::boolean)  // the most common test of a user
      return element.truth() == value_.view().truth();
    return compare(element) == Ordering::equal;
  }
  /// Compares bytes. This is correct because the value is not a timestamp, and a timestamp equals no other string.
  bool is_same(std::string_view text) const noexcept {
    if (value_.kind() != ValueKind::string) return false;
    const std::string_view own = text_of(value_);
    return own.size() == text.size() &&
           (own.empty() || (own.back() == text.back() && std::memcmp(own.data(), text.data(), own.size()) == 0));
  }

  PRESENCE_DETAIL_APART bool answer_text(std::string_view field) const noexcept { return answer_text(field, *this); }
  template <class Element>
  bool is_match(const Element& element) const noexcept {
    return is_match(element, *this);
  }
  /// Returns the operand of `exists`.
  bool is_wanted() const noexcept { return value_.view().truth(); }

 protected:
  ScalarOperand(Operator op, const Value& value, Form form) : Operand(op, form), value_(value) {}

  const Value& value() const noexcept { return value_; }
  template <class Self>
  bool answer_text(std::string_view field, const Self& self) const noexcept {
    if (op() == Operator::eq || op() == Operator::ne) return self.is_same(field) != is_negative();
    if (op() == Operator::contains) return false;
    if (op() == Operator::exists) return is_wanted();
    return is_in_range(op(), self.compare(field));
  }
  template <class Element, class Self>
  bool is_match(const Element& element, const Self& self) const noexcept {
    if (op() == Operator::eq || op() == Operator::ne || op() == Operator::contains) return self.is_same(element);
    return is_in_range(op(), self.compare(element));
  }

 private:
  Value value_;
};

/// A timestamp, or a string that is one.
class MomentOperand : public ScalarOperand {
 public:
  MomentOperand(Operator op, const Value& value, const Moment& moment)
      : ScalarOperand(op, value, Form::moment), moment_(moment) {}

  Ordering compare(const ValueView& element) const noexcept {
    if (element.kind() == ValueKind::string) return compare(element.text());
    if (element.kind() != ValueKind::timestamp) return Ordering::unordered;
    return ordering_of(moment_of(element.instant()), moment_);
  }
  PRESENCE_DETAIL_APART Ordering compare(std::string_view text) const noexcept {
    Moment moment;
    if (read_moment(text, moment)) return ordering_of(moment, moment_);
    return value().kind() == ValueKind::string ? compare_texts(text, text_of(value())) : Ordering::unordered;
  }
  template <class Element>
  bool is_same(const Element& element) const noexcept {
    return compare(element) == Ordering::equal;
  }

  PRESENCE_DETAIL_APART bool answer_text(std::string_view field) const noexcept {
    return ScalarOperand::answer_text(field, *this);
  }
  template <class Element>
  bool is_match(const Element& element) const noexcept {
    return ScalarOperand::is_match(element, *this);
  }

 private:
  Moment moment_;
};

/// An operand that is an array.
class SetOperand : public Operand {
 public:
  SetOperand(Operator op, const Value& value) : Operand(op, Form::set), set_(value.elements()) {}

  /// Returns whether the test compares a field that is an array as a whole.
  bool is_of_array() const noexcept { return op() == Operator::eq || op() == Operator::ne; }
  PRESENCE_DETAIL_APART bool answer_array(const ValueView& field) const {
    return set_.is_same_set(field) != is_negative();
  }
  PRESENCE_DETAIL_APART bool answer_text(std::string_view field) const noexcept {
    return (!is_of_array() && set_.has(field)) != is_negative();
  }
  template <class Element>
  bool is_match(const Element& element) const noexcept {
    return set_.has(element);
  }

 private:
  ValueSet set_;
};

/// The prefix of an `autocomplete` test.
class PrefixOperand : public Operand {
 public:
  PrefixOperand(Operator op, const Value& value) : Operand(op, Form::prefix), prefix_(value.view().text()) {}

  PRESENCE_DETAIL_APART bool answer_text(std::string_view field) const noexcept { return prefix_.is_in(field); }
  bool is_match(std::string_view text) const noexcept { return answer_text(text); }
  bool is_match(const ValueView& element) const noexcept {
    return element.kind() == ValueKind::string && answer_text(element.text());
  }

 private:
  WordPrefix prefix_;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_QUERY_DETAIL_OPERAND_HPP
