// SPDX-License-Identifier: MIT
// A stand-in for the part of Unreal Engine that the recipe uses. The macros have the names that Unreal's headers leave
// defined in every file, and are defined when the library is included. The classes have only what the recipe needs.
#pragma once

#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Names of Unreal's macros.
#define PI (3.1415926535897932f)
#define UE_PI PI
#define HALF_PI (1.57079632679f)
#define INV_PI (0.31830988618f)
#define EULERS_NUMBER (2.71828182845904523536f)
#define GOLDEN_RATIO (1.6180339887498948482045868343656381f)
#define SMALL_NUMBER (1.e-8f)
#define KINDA_SMALL_NUMBER (1.e-4f)
#define BIG_NUMBER (3.4e+38f)
#define DELTA (0.00001f)
#define INDEX_NONE (-1)
#define MAX_uint8 (0xff)
#define MAX_int32 (0x7fffffff)
#define check(expr) \
	do \
	{ \
		if (!(expr)) std::abort(); \
	} while (false)
#define checkf(expr, format, ...) check(expr)
#define checkSlow(expr) check(expr)
#define checkCode(Code) \
	do \
	{ \
		Code; \
	} while (false)
#define checkNoEntry() std::abort()
#define verify(expr) check(expr)
#define verifyf(expr, format, ...) check(expr)
#define ensure(expr) (!!(expr))
#define ensureMsgf(expr, format, ...) (!!(expr))
#define ensureAlways(expr) (!!(expr))
#define unimplemented() std::abort()
#define TEXT(x) u##x
#define LOCTEXT(key, text) text
#define NSLOCTEXT(space, key, text) text
#define FORCEINLINE inline
#define FORCENOINLINE
#define RESTRICT __restrict
#define LIKELY(x) (x)
#define UNLIKELY(x) (x)
#define DEPRECATED(version, message)
#define PURE_VIRTUAL(func, ...) = 0;
#define ENUM_CLASS_FLAGS(Enum)
#define ARRAY_COUNT(array) (sizeof(array) / sizeof(array[0]))
#define UE_ARRAY_COUNT(array) ARRAY_COUNT(array)
#define STRUCT_OFFSET(type, member) offsetof(type, member)
#define PREPROCESSOR_JOIN(x, y) x##y
#define DO_CHECK 1
#define DO_ENSURE 1
#define WITH_EDITOR 0
#define UE_BUILD_SHIPPING 0
#define PLATFORM_WINDOWS 0
#define PLATFORM_LINUX 1
#define PLATFORM_LITTLE_ENDIAN 1
#define Expose_TNameOf(type)
#define TIMECODE_FRAME 1
#define STAT(x) x
#define SCOPE_CYCLE_COUNTER(stat)
#define THIRD_PARTY_INCLUDES_START
#define THIRD_PARTY_INCLUDES_END
#define UCLASS(...)
#define USTRUCT(...)
#define UENUM(...)
#define UMETA(...)
#define UFUNCTION(...)
#define UPROPERTY(...)
#define GENERATED_BODY()
#define UE_LOG(Category, Verbosity, Format, ...) StandIn::Log(Format, __VA_ARGS__)
#define DEFINE_LOG_CATEGORY_STATIC(Name, Default, Compiled)
#define DECLARE_DYNAMIC_MULTICAST_DELEGATE_OneParam(Name, Type, Parameter) using Name = TStandInDelegate<Type>
#define UTF8_TO_TCHAR(text) FUTF8ToTCHAR(text, static_cast<int32>(std::string_view(text).size())).Get()
#define TCHAR_TO_UTF8(text) FTCHARToUTF8(text, static_cast<int32>(std::u16string_view(text).size())).Get()
#define PRESENCE_API

using int32 = std::int32_t;
using int64 = std::int64_t;
using uint8 = std::uint8_t;
using uint32 = std::uint32_t;
using uint64 = std::uint64_t;
using TCHAR = char16_t;
using FStringView = std::u16string_view;

// Both ways for the Basic Multilingual Plane.
class FTCHARToUTF8
{
public:
	FTCHARToUTF8(const TCHAR* Text, int32 Length)
	{
		for (int32 i = 0; i < Length; ++i)
		{
			const unsigned c = Text[i];
			if (c < 0x80)
			{
				Utf8 += static_cast<char>(c);
				continue;
			}
			if (c < 0x800)
			{
				Utf8 += static_cast<char>(0xC0 | (c >> 6));
			}
			else
			{
				Utf8 += static_cast<char>(0xE0 | (c >> 12));
				Utf8 += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
			}
			Utf8 += static_cast<char>(0x80 | (c & 0x3F));
		}
	}
	const char* Get() const { return Utf8.c_str(); }
	int32 Length() const { return static_cast<int32>(Utf8.size()); }

private:
	std::string Utf8;
};

class FUTF8ToTCHAR
{
public:
	FUTF8ToTCHAR(const char* Text, int32 Length)
	{
		for (int32 i = 0; i < Length;)
		{
			const auto Byte = [&] { return static_cast<unsigned char>(Text[i++]); };
			const unsigned First = Byte();
			if (First < 0x80)
			{
				Utf16 += static_cast<TCHAR>(First);
			}
			else if (First < 0xE0)
			{
				Utf16 += static_cast<TCHAR>(((First & 0x1F) << 6) | (Byte() & 0x3F));
			}
			else
			{
				const unsigned Second = Byte() & 0x3F;
				Utf16 += static_cast<TCHAR>(((First & 0x0F) << 12) | (Second << 6) | (Byte() & 0x3F));
			}
		}
	}
	const TCHAR* Get() const { return Utf16.c_str(); }
	int32 Length() const { return static_cast<int32>(Utf16.size()); }

private:
	std::u16string Utf16;
};

class FString
{
public:
	FString() = default;
	FString(const TCHAR* Text) : Value(Text) {}
	explicit FString(FStringView Text) : Value(Text) {}
	const TCHAR* operator*() const { return Value.c_str(); }
	int32 Len() const { return static_cast<int32>(Value.size()); }

private:
	std::u16string Value;
};

template <class T>
class TArray
{
public:
	TArray() = default;
	TArray(std::initializer_list<T> Items) : Values(Items) {}
	void Add(T Item) { Values.push_back(std::move(Item)); }
	int32 Num() const { return static_cast<int32>(Values.size()); }
	auto begin() const { return Values.begin(); }
	auto end() const { return Values.end(); }

private:
	std::vector<T> Values;
};

template <class T>
class TStandInDelegate
{
public:
	void Add(std::function<void(T)> Handler) { Handlers.push_back(std::move(Handler)); }
	void Broadcast(T Value) const
	{
		for (const auto& Handler : Handlers) Handler(Value);
	}

private:
	std::vector<std::function<void(T)>> Handlers;
};

namespace ETimespan
{
	inline constexpr int64 TicksPerMillisecond = 10000;
}
struct FTimespan
{
	int64 Ticks;
	int64 GetTicks() const { return Ticks; }
};
struct FDateTime
{
	int64 Ticks = 0; // since 1970 here
	FDateTime() = default;
	FDateTime(int32, int32, int32) {}
	static FDateTime UtcNow();
	friend FTimespan operator-(FDateTime a, FDateTime b) { return FTimespan{a.Ticks - b.Ticks}; }
};

namespace StandIn
{
	inline int64 NowMs = 0;

	inline void Log(const TCHAR* Format, ...)
	{
		// %s and %d are all that is needed.
		va_list Arguments;
		va_start(Arguments, Format);
		std::printf("log: ");
		for (; *Format != 0; ++Format)
		{
			if (*Format != u'%')
			{
				std::putchar(static_cast<char>(*Format));
			}
			else if (*++Format == u's')
			{
				const TCHAR* const Text = va_arg(Arguments, const TCHAR*);
				std::printf("%s", TCHAR_TO_UTF8(Text));
			}
			else
			{
				std::printf("%d", va_arg(Arguments, int));
			}
		}
		std::putchar('\n');
		va_end(Arguments);
	}
}
inline FDateTime FDateTime::UtcNow()
{
	FDateTime Now;
	Now.Ticks = StandIn::NowMs * ETimespan::TicksPerMillisecond;
	return Now;
}
