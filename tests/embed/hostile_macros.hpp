// SPDX-License-Identifier: MIT

// What other people's headers define. Any use of it is an error here: `@` is no token of the language. Comes behind the
// standard headers, which are not ours to defend, and before the library.

// windows.h, and what it includes.
#undef min
#define min(a, b) @min @
#undef max
#define max(a, b) @max @
#undef small
#define small @small @
#undef near
#define near @near @
#undef far
#define far @far @
#undef interface
#define interface @interface @
#undef hyper
#define hyper @hyper @
#undef pascal
#define pascal @pascal @
#undef cdecl
#define cdecl @cdecl @
#undef IN
#define IN @IN @
#undef OUT
#define OUT @OUT @
#undef OPTIONAL
#define OPTIONAL @OPTIONAL @
#undef VOID
#define VOID @VOID @
#undef CONST
#define CONST @CONST @
#undef ERROR
#define ERROR @ERROR @
#undef DELETE
#define DELETE @DELETE @
#undef TRUE
#define TRUE @TRUE @
#undef FALSE
#define FALSE @FALSE @
#undef BOOL
#define BOOL @BOOL @
#undef CALLBACK
#define CALLBACK @CALLBACK @
#undef STRICT
#define STRICT @STRICT @
#undef IGNORE
#define IGNORE @IGNORE @
#undef INFINITE
#define INFINITE @INFINITE @
#undef NO_ERROR
#define NO_ERROR @NO_ERROR @
#undef DIFFERENCE
#define DIFFERENCE @DIFFERENCE @
#undef ABSOLUTE
#define ABSOLUTE @ABSOLUTE @
#undef RELATIVE
#define RELATIVE @RELATIVE @
#undef OPAQUE
#define OPAQUE @OPAQUE @
#undef TRANSPARENT
#define TRANSPARENT @TRANSPARENT @
#undef Yield
#define Yield() @Yield @
#undef GetMessage
#define GetMessage @GetMessage @
#undef SendMessage
#define SendMessage @SendMessage @
#undef CreateEvent
#define CreateEvent @CreateEvent @
#undef GetObject
#define GetObject @GetObject @
#undef GetCurrentTime
#define GetCurrentTime() @GetCurrentTime @
#undef FindText
#define FindText @FindText @
#undef ReplaceText
#define ReplaceText @ReplaceText @

// X11.
#undef None
#define None @None @
#undef Status
#define Status @Status @
#undef Bool
#define Bool @Bool @
#undef True
#define True @True @
#undef False
#define False @False @
#undef Success
#define Success @Success @
#undef Always
#define Always @Always @
#undef Above
#define Above @Above @
#undef Below
#define Below @Below @
#undef Complex
#define Complex @Complex @
#undef Convex
#define Convex @Convex @
#undef Unsorted
#define Unsorted @Unsorted @
#undef KeyPress
#define KeyPress @KeyPress @
#undef FocusIn
#define FocusIn @FocusIn @
#undef FocusOut
#define FocusOut @FocusOut @

// Qt, with its keywords.
#undef emit
#define emit @emit @
#undef slots
#define slots @slots @
#undef signals
#define signals @signals @
#undef foreach
#define foreach(a, b) @foreach @
#undef forever
#define forever @forever @

// Unreal.
#undef check
#define check(a) @check @
#undef checkf
#define checkf(...) @checkf @
#undef verify
#define verify(a) @verify @
#undef ensure
#define ensure(a) @ensure @
#undef TEXT
#define TEXT(a) @TEXT @
#undef INLINE
#define INLINE @INLINE @
#undef FORCEINLINE
#define FORCEINLINE @FORCEINLINE @
#undef PI
#define PI @PI @
#undef UPROPERTY
#define UPROPERTY(...) @UPROPERTY @

// Apple: AssertMacros.h, objc.h.
#undef require
#define require(a, b) @require @
#undef nil
#define nil @nil @
#undef Nil
#define Nil @Nil @
#undef YES
#define YES @YES @
#undef NO
#define NO @NO @

// Godot.
#undef likely
#define likely(a) @likely @
#undef unlikely
#define unlikely(a) @unlikely @
#undef SWAP
#define SWAP(a, b) @SWAP @
#undef MIN
#define MIN(a, b) @MIN @
#undef MAX
#define MAX(a, b) @MAX @
#undef ABS
#define ABS(a) @ABS @
#undef SIGN
#define SIGN(a) @SIGN @
#undef CLAMP
#define CLAMP(a, b, c) @CLAMP @

// The C library: complex.h, termios.h, sys/sysmacros.h, sys/param.h, math.h, netinet.
#undef I
#define I @I @
#undef B0
#define B0 @B0 @
#undef major
#define major(a) @major @
#undef minor
#define minor(a) @minor @
#undef makedev
#define makedev(a, b) @makedev @
#undef setbit
#define setbit(a, b) @setbit @
#undef clrbit
#define clrbit(a, b) @clrbit @
#undef isset
#define isset(a, b) @isset @
#undef isclr
#define isclr(a, b) @isclr @
#undef howmany
#define howmany(a, b) @howmany @
#undef roundup
#define roundup(a, b) @roundup @
#undef DOMAIN
#define DOMAIN @DOMAIN @
#undef OVERFLOW
#define OVERFLOW @OVERFLOW @
#undef UNDERFLOW
#define UNDERFLOW @UNDERFLOW @
#undef minto
#define minto @minto @
#undef maxto
#define maxto @maxto @

// Compilers without -std=c++17, and old ones.
#undef linux
#define linux @linux @
#undef unix
#define unix @unix @
#undef i386
#define i386 @i386 @
#undef sun
#define sun @sun @
#undef mips
#define mips @mips @

// Arduino.
#undef F
#define F(a) @F @
#undef bit
#define bit(a) @bit @
#undef bitSet
#define bitSet(a, b) @bitSet @
#undef bitClear
#define bitClear(a, b) @bitClear @
#undef bitRead
#define bitRead(a, b) @bitRead @
#undef lowByte
#define lowByte(a) @lowByte @
#undef highByte
#define highByte(a) @highByte @
#undef constrain
#define constrain(a, b, c) @constrain @
#undef radians
#define radians(a) @radians @
#undef degrees
#define degrees(a) @degrees @
#undef sq
#define sq(a) @sq @
#undef word
#define word(...) @word @
#undef interrupts
#define interrupts() @interrupts @
#undef B1
#define B1 @B1 @
#undef B10
#define B10 @B10 @
#undef HIGH
#define HIGH @HIGH @
#undef LOW
#define LOW @LOW @
#undef INPUT
#define INPUT @INPUT @
#undef OUTPUT
#define OUTPUT @OUTPUT @

// gettext, autoconf, and what hosts write for themselves.
#undef _
#define _(a) @_ @
#undef N_
#define N_(a) @N_ @
#undef PACKAGE
#define PACKAGE @PACKAGE @
#undef VERSION
#define VERSION @VERSION @
#undef DEBUG
#define DEBUG @DEBUG @
#undef RELEASE
#define RELEASE @RELEASE @
#undef NONE
#define NONE @NONE @
#undef EMPTY
#define EMPTY @EMPTY @
#undef UNUSED
#define UNUSED @UNUSED @
#undef STATIC
#define STATIC @STATIC @
#undef EXPORT
#define EXPORT @EXPORT @
#undef ASSERT
#define ASSERT(...) @ASSERT @
#undef assert
#define assert(a) @assert @
#undef CHECK
#define CHECK(...) @CHECK @
#undef REQUIRE
#define REQUIRE(...) @REQUIRE @
#undef VERIFY
#define VERIFY(...) @VERIFY @
#undef TEST
#define TEST(...) @TEST @
#undef LOG
#define LOG(...) @LOG @
#undef INFO
#define INFO(...) @INFO @
#undef WARN
#define WARN(...) @WARN @
#undef FAIL
#define FAIL(...) @FAIL @
#undef TRACE
#define TRACE(...) @TRACE @
#undef THROW
#define THROW(...) @THROW @
#undef TRY
#define TRY @TRY @
#undef CATCH
#define CATCH @CATCH @
#undef COUNT
#define COUNT(a) @COUNT @
#undef SIZE
#define SIZE @SIZE @
#undef LENGTH
#define LENGTH @LENGTH @
#undef MIN_SIZE
#define MIN_SIZE @MIN_SIZE @
#undef MAX_SIZE
#define MAX_SIZE @MAX_SIZE @
