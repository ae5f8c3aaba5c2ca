/* SPDX-License-Identifier: MIT */
#ifndef PRESENCE_C_H
#define PRESENCE_C_H

/* A small C interface for a client that mirrors a server: Unity, or any other host that can call C. Copy it beside
 * presence_c.cpp and change it as you need.
 *
 * A client is fed the payloads that a server sends, and asked how users look. Nothing calls back into the host: changes
 * are fetched. No function throws, blocks, or reads a clock; where memory runs out the program ends. Instants are
 * milliseconds since 1970, UTC. Texts are UTF-8 and need not end with a NUL where a size is passed. A client is for one
 * thread at a time; two clients share nothing.
 */

#include <stddef.h>
#include <stdint.h>

/* Define PRESENCE_C_BUILD to compile the library and PRESENCE_C_STATIC to link it statically (iOS, consoles). */
#if defined(PRESENCE_C_STATIC)
#define PRESENCE_C_API
#elif defined(_WIN32) && defined(PRESENCE_C_BUILD)
#define PRESENCE_C_API __declspec(dllexport)
#elif defined(_WIN32)
#define PRESENCE_C_API __declspec(dllimport)
#elif defined(__GNUC__)
#define PRESENCE_C_API __attribute__((visibility("default")))
#else
#define PRESENCE_C_API
#endif

#if defined(__cplusplus)
extern "C" {
#endif

/* What a function returns. Below 0: it failed, and nothing has changed. */
#define PRESENCE_C_UNCHANGED 0 /* nothing that was not known already */
#define PRESENCE_C_APPLIED 1
#define PRESENCE_C_IGNORED 2       /* a well-formed event that says nothing about presence */
#define PRESENCE_C_BAD_ARGUMENT -1 /* a null pointer, or a size below 0 */
#define PRESENCE_C_UNREADABLE -2   /* see presence_client_last_error */
#define PRESENCE_C_REFUSED -3      /* read, and not accepted: an empty id, one that is too long, too many users */
#define PRESENCE_C_NOT_KNOWN -4    /* there is no such user */

/* Room for what is known of a user: ids and statuses that are longer than fits are refused, so nothing is ever cut. */
#define PRESENCE_C_ID_BYTES 256
#define PRESENCE_C_STATUS_BYTES 1028

#define PRESENCE_C_NEVER INT64_MIN /* a last_active that is not known */

typedef struct presence_client presence_client;

/* 1,304 bytes without padding, the same for every compiler. */
typedef struct presence_user {
  int64_t last_active_ms; /* or PRESENCE_C_NEVER */
  int32_t online;         /* 0 or 1 */
  int32_t id_size;        /* bytes, without the NUL that follows */
  int32_t status_size;
  char id[PRESENCE_C_ID_BYTES];
  char status[PRESENCE_C_STATUS_BYTES];
} presence_user;

/* What is not as it was when changes were last fetched. */
#define PRESENCE_C_CHANGED_KNOWN 1 /* became known, or is known no more */
#define PRESENCE_C_CHANGED_ONLINE 2
#define PRESENCE_C_CHANGED_STATUS 4
#define PRESENCE_C_CHANGED_LAST_ACTIVE 8

typedef struct presence_change {
  int64_t at_ms;      /* the client's time or, if it was never told, the latest that is known of the user */
  int32_t what;       /* PRESENCE_C_CHANGED_... */
  int32_t known;      /* 0: the user is known no more, and `user` has nothing but the id */
  presence_user user; /* as it was when this change was found; see presence_client_poll */
} presence_change;

/* Why the last text that was fed did not count. */
typedef struct presence_error {
  int32_t code;        /* 0: it did; otherwise 1 + presence::ErrorCode or, if it was refused, 100 + presence::Verdict */
  int32_t offset;      /* bytes from the start of the text to what cannot be read */
  const char* message; /* English, and never null; lives as long as the library is loaded */
} presence_error;

/* A client that knows of nobody yet, to be given back to presence_client_destroy. Null: max_users is below 0. */
PRESENCE_C_API presence_client* presence_client_create(int32_t max_users);
/* Null does nothing. */
PRESENCE_C_API void presence_client_destroy(presence_client* client);

/* Folds one event of the server, for example user.presence.changed, as JSON. The instant is the one it carries. */
PRESENCE_C_API int32_t presence_client_feed(presence_client* client, const char* json, int32_t size);
/* Folds one user object of the server, as they stand in its answers to queries: true as of that instant. One that
 * leaves `online` out is offline. */
PRESENCE_C_API int32_t presence_client_feed_user(presence_client* client, const char* json, int32_t size,
                                                 int64_t at_ms);
/* Lets time pass up to an instant. An earlier one than before changes nothing. */
PRESENCE_C_API int32_t presence_client_advance(presence_client* client, int64_t now_ms);
/* The connection to the server is gone: nobody is shown online on stale word. Feed who is online when it is back. */
PRESENCE_C_API int32_t presence_client_connection_lost(presence_client* client);

/* Reads one user as others see them. 0: it was read. */
PRESENCE_C_API int32_t presence_client_read(const presence_client* client, const char* id, int32_t id_size,
                                            presence_user* into);
/* How many users are known, and how many of them are online. */
PRESENCE_C_API int32_t presence_client_count(const presence_client* client);
PRESENCE_C_API int32_t presence_client_online_count(const presence_client* client);

/* Writes up to `capacity` changes and returns how many. One change a user: how they differ from when changes were last
 * found, however much happened meanwhile; what went on and off in between is none. Those that do not fit are kept for
 * the next calls, and new ones are found once all of them are fetched: so call it until it returns 0. */
PRESENCE_C_API int32_t presence_client_poll(presence_client* client, presence_change* into, int32_t capacity);

PRESENCE_C_API void presence_client_last_error(const presence_client* client, presence_error* into);

#if defined(__cplusplus)
}
#endif

#endif /* PRESENCE_C_H */
