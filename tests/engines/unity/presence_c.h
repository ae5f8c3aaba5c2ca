/* SPDX-License-Identifier: MIT */
#ifndef PRESENCE_C_H
#define PRESENCE_C_H

/* A small C interface for a client that mirrors a server: for Unity, or any other host that can call C. Copy it beside
 * presence_c.cpp and change it as you need.
 *
 * The host feeds the payloads that a server sends, reads users, and polls changes. Nothing calls back into the host. No
 * function throws, blocks, or reads a clock. If memory runs out, the program ends. Timestamps are milliseconds since
 * 1970, UTC. Strings are UTF-8; one that is passed with a size needs no NUL. A client is for one thread at a time. Two
 * clients share nothing.
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

/* What a function returns. Below 0: it failed, and nothing changed. */
#define PRESENCE_C_UNCHANGED 0 /* nothing new */
#define PRESENCE_C_APPLIED 1
#define PRESENCE_C_IGNORED 2       /* a well-formed event without presence */
#define PRESENCE_C_BAD_ARGUMENT -1 /* a null pointer, or a size below 0 */
#define PRESENCE_C_UNREADABLE -2   /* see presence_client_last_error */
#define PRESENCE_C_REFUSED -3      /* read, and not accepted, such as an id that is too long, or too many users */
#define PRESENCE_C_NOT_KNOWN -4    /* there is no such user */

/* The sizes of the arrays below. A longer id is refused, and so is a longer status of a session. A longer status that
 * the server reports is truncated at a character boundary: at most 1,024 bytes remain. */
#define PRESENCE_C_ID_BYTES 256
#define PRESENCE_C_STATUS_BYTES 1028

#define PRESENCE_C_NEVER INT64_MIN /* last_active is unknown */

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

/* What differs from the state when changes were last searched. */
#define PRESENCE_C_CHANGED_KNOWN 1 /* became known, or is no longer known */
#define PRESENCE_C_CHANGED_ONLINE 2
#define PRESENCE_C_CHANGED_STATUS 4
#define PRESENCE_C_CHANGED_LAST_ACTIVE 8

typedef struct presence_change {
  int64_t at_ms;      /* the client's time; if it never advanced, the latest timestamp known of the user */
  int32_t what;       /* PRESENCE_C_CHANGED_... */
  int32_t known;      /* 0: the user is no longer known, and `user` has only the id */
  presence_user user; /* the state when this change was found; see presence_client_poll */
} presence_change;

/* Why the last feed failed. */
typedef struct presence_error {
  int32_t code;        /* 0: it did not fail; 1 + presence::ErrorCode; or, if refused, 100 + presence::Verdict */
  int32_t offset;      /* position in bytes of what cannot be read */
  const char* message; /* English, never null; valid while the library is loaded */
} presence_error;

/* Returns a client without users, for presence_client_destroy to free. Null: max_users is below 0. */
PRESENCE_C_API presence_client* presence_client_create(int32_t max_users);
/* Frees a client. Null has no effect. */
PRESENCE_C_API void presence_client_destroy(presence_client* client);

/* Applies one event as JSON, for example user.presence.changed, as of the timestamp that it carries. */
PRESENCE_C_API int32_t presence_client_feed(presence_client* client, const char* json, int32_t size);
/* Applies one user object of the server's answer to a query, as of that time. Without `online`, the user is offline. */
PRESENCE_C_API int32_t presence_client_feed_user(presence_client* client, const char* json, int32_t size,
                                                 int64_t at_ms);
/* Advances the time, so that sessions time out. An earlier time than before has no effect. */
PRESENCE_C_API int32_t presence_client_advance(presence_client* client, int64_t now_ms);
/* The connection to the server is lost: what the server reported as online no longer counts. Feed the users again when
 * the connection is back. */
PRESENCE_C_API int32_t presence_client_connection_lost(presence_client* client);

/* Reads one user as others see them. Returns 0 if there is one. */
PRESENCE_C_API int32_t presence_client_read(const presence_client* client, const char* id, int32_t id_size,
                                            presence_user* into);
/* The number of users that are known, and how many of them are online. */
PRESENCE_C_API int32_t presence_client_count(const presence_client* client);
PRESENCE_C_API int32_t presence_client_online_count(const presence_client* client);

/* Writes up to `capacity` changes and returns how many. There is one change per user: how the user differs from the
 * state when changes were last searched. A change that was undone in between is none. Changes that do not fit are kept
 * for the next calls. New ones are searched when all of them are fetched. So call it until it returns 0. */
PRESENCE_C_API int32_t presence_client_poll(presence_client* client, presence_change* into, int32_t capacity);

PRESENCE_C_API void presence_client_last_error(const presence_client* client, presence_error* into);

#if defined(__cplusplus)
}
#endif

#endif /* PRESENCE_C_H */
