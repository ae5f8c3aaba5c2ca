// SPDX-License-Identifier: MIT
#ifndef PRESENCE_MODEL_DETAIL_ATTRIBUTES_BODIES_HPP
#define PRESENCE_MODEL_DETAIL_ATTRIBUTES_BODIES_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/model/attributes.hpp>
#include <presence/model/value.hpp>

#include <cstddef>      // for size_t, ptrdiff_t
#include <string>       // for string
#include <string_view>  // for string_view
#include <utility>      // for exchange, move, swap

namespace presence {
inline namespace PRESENCE_ABI {

PRESENCE_DETAIL_BODY Attributes::const_iterator& Attributes::const_iterator::operator+=(difference_type n) noexcept {
  n += static_cast<difference_type>(at_);
  for (; n < 0; n += length(run_)) --run_;
  for (; n > 0 && n >= length(run_); ++run_) n -= length(run_);
  at_ = static_cast<std::size_t>(n);
  return *this;
}

PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY Attributes::Attributes(const Attributes& other) : Attributes() {
  for (const Entry& entry : other) insert(end(), entry);
}
PRESENCE_DETAIL_BODY Attributes::Attributes(Attributes&& other) noexcept { swap(other); }
PRESENCE_DETAIL_BODY Attributes& Attributes::operator=(const Attributes& other) {
  Attributes copy(other);
  swap(copy);
  return *this;
}
PRESENCE_DETAIL_BODY Attributes& Attributes::operator=(Attributes&& other) noexcept {
  Attributes taken(std::move(other));
  swap(taken);
  return *this;
}
PRESENCE_DETAIL_BODY Attributes::~Attributes() {
  if (runs_.has_memory()) destroy_entries();
}

PRESENCE_DETAIL_BODY Value& Attributes::operator[](std::string_view name) {
  const const_iterator place = place_of(name);
  if (!has(place, name)) return insert(place, Entry{std::string(name), Value()}).value;
  return runs_[place.run_][place.at_]->value;
}
PRESENCE_DETAIL_BODY const Value* Attributes::find(std::string_view name) const noexcept {
  const const_iterator place = place_of(name);
  return has(place, name) ? &place->value : nullptr;
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY bool Attributes::erase(std::string_view name) {
  const const_iterator place = place_of(name);
  if (!has(place, name)) return false;
  Run& run = runs_[place.run_];
  Entry* const gone = run[place.at_];
  run.erase(place.at_);
  --size_;
  if (run.empty()) {
    runs_.erase(place.run_);
  } else if (place.run_ + 1 < runs_.size() && run.size() + runs_[place.run_ + 1].size() <= longest_run / 2) {
    for (Entry* const entry : runs_[place.run_ + 1]) run.push_back(entry);
    runs_.erase(place.run_ + 1);
  }
  detail::destroy(gone);
  return true;
}

PRESENCE_DETAIL_BODY bool Attributes::are_equal(const Attributes& a, const Attributes& b) noexcept {
  if (a.size() != b.size()) return false;
  for (const_iterator i = a.begin(), j = b.begin(); i != a.end(); ++i, ++j) {
    if (*i != *j) return false;
  }
  return true;
}

PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY Attributes::const_iterator Attributes::place_of(
    std::string_view name) const noexcept {
  const auto is_before = [name](const Entry* entry) { return entry->name < name; };
  const Run* const run = detail::partition_point(runs_.begin(), runs_.end(),
                                                 [&](const Run& one) { return is_before(one[one.size() - 1]); });
  if (run == runs_.end()) return end();
  Entry* const* const place = detail::partition_point(run->begin(), run->end(), is_before);
  return const_iterator(runs_, static_cast<std::size_t>(run - runs_.begin()),
                        static_cast<std::size_t>(place - run->begin()));
}

PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY Attributes::Entry& Attributes::insert(const_iterator place, Entry entry) {
  struct Owner {
    Entry* entry;
    ~Owner() {
      if (entry != nullptr) detail::destroy(entry);
    }
  } added{detail::create<Entry>(std::move(entry))};
  std::size_t run = place.run_, at = place.at_;
  if (run == runs_.size() && run > 0) at = runs_[--run].size();  // append to the last run
  if (runs_.empty() || runs_[run].size() == longest_run) make_room(run, at);
  runs_[run].insert(at, added.entry);
  ++size_;
  return *std::exchange(added.entry, nullptr);
}
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Attributes::make_room(std::size_t& run, std::size_t& at) {
  Run another;
  if (runs_.empty() || at == 0) {
    another.reserve_one_more();
    runs_.insert(run, std::move(another));
  } else if (at == longest_run) {
    another.reserve_one_more();
    runs_.insert(++run, std::move(another));
    at = 0;
  } else {
    constexpr std::size_t half = longest_run / 2;
    another.reserve(longest_run);
    for (std::size_t i = half; i < longest_run; ++i) another.push_back(runs_[run][i]);
    runs_.insert(run + 1, std::move(another));
    runs_[run].truncate(half);
    if (at > half) {
      ++run;
      at -= half;
    }
  }
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Attributes::destroy_entries() noexcept {
  for (const Run& run : runs_) {
    for (Entry* const entry : run) detail::destroy(entry);
  }
}
PRESENCE_DETAIL_BODY void Attributes::swap(Attributes& other) noexcept {
  std::swap(runs_, other.runs_);
  std::swap(size_, other.size_);
}

PRESENCE_DETAIL_BODY ValueView AttributesView::find(std::string_view name) const noexcept {
  if (fields_ != nullptr) {
    const Value* const found = fields_->find(name);
    return found == nullptr ? ValueView() : found->view();
  }
  const ValueMember* const found = detail::find_member(members_, name);
  return found == nullptr ? ValueView() : found->value().view();
}
PRESENCE_DETAIL_BODY AttributesView::Entry AttributesView::operator[](std::size_t i) const noexcept {
  PRESENCE_ASSERT(i < size(), "an index beyond the fields of an AttributesView");
  if (fields_ == nullptr) return {members_[i].name(), members_[i].value().view()};
  const Attributes::Entry& field = fields_->begin()[static_cast<std::ptrdiff_t>(i)];
  return {field.name, field.value.view()};
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY AttributesView::operator Attributes() const {
  Attributes copy;
  if (!empty()) copy_to(copy);  // most users have none
  return copy;
}
PRESENCE_DETAIL_BODY bool AttributesView::are_equal(const AttributesView& a, const AttributesView& b) noexcept {
  if (a.fields_ == nullptr && b.fields_ == nullptr) return a.members_ == b.members_;
  if (a.size() != b.size()) return false;
  const_iterator j = b.begin();
  for (const_iterator i = a.begin(); i != a.end(); ++i, ++j) {
    const Entry one = *i, other = *j;
    if (one.name != other.name || !detail::same_values(one.value, other.value)) return false;
  }
  return true;
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void AttributesView::copy_to(Attributes& copy) const {
  for (const Entry entry : *this) copy[entry.name] = Value(entry.value);
}

PRESENCE_DETAIL_BODY Value Value::object(Attributes members) {
  detail::ObjectMaker maker(members.size());
  for (const Attributes::Run& run : members.runs_) {
    for (Attributes::Entry* const entry : run) maker.add(entry->name, std::move(entry->value));
  }
  return maker.take();
}

namespace detail {

PRESENCE_DETAIL_BODY ValueView find_inside(const Value* outer, std::string_view name) noexcept {
  while (outer != nullptr) {
    if (const Value* const whole = outer->find(name)) return ValueView(*whole);
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos) break;
    outer = outer->find(name.substr(0, dot));
    name.remove_prefix(dot + 1);
  }
  return ValueView();
}

}  // namespace detail

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_MODEL_DETAIL_ATTRIBUTES_BODIES_HPP
