/* SPDX-License-Identifier: MIT */
/* Uses the C interface from C99, as a host in another language would. */
#include "presence_c.h"

#include <stdio.h>
#include <string.h>

static presence_client* client;

static void feed(const char* json) {
  const int32_t result = presence_client_feed(client, json, (int32_t)strlen(json));
  presence_error error;
  presence_client_last_error(client, &error);
  if (result >= 0) {
    printf("fed: %d\n", result);
  } else {
    printf("fed: %d, error %d at byte %d: %s\n", result, error.code, error.offset, error.message);
  }
}

static void feed_user(const char* json, int64_t at_ms) {
  printf("fed a user: %d\n", presence_client_feed_user(client, json, (int32_t)strlen(json), at_ms));
}

static void poll(int32_t capacity) {
  presence_change changes[4];
  const int32_t count = presence_client_poll(client, changes, capacity);
  int32_t i;
  printf("changes: %d\n", count);
  for (i = 0; i < count; ++i) {
    const presence_user* user = &changes[i].user;
    printf("  %lld %.*s what %d known %d online %d '%.*s'\n", (long long)changes[i].at_ms, user->id_size, user->id,
           changes[i].what, changes[i].known, user->online, user->status_size, user->status);
  }
}

static void read_one(const char* id) {
  presence_user user;
  const int32_t result = presence_client_read(client, id, (int32_t)strlen(id), &user);
  if (result < 0) {
    printf("%s: %d\n", id, result);
  } else if (user.last_active_ms == PRESENCE_C_NEVER) {
    printf("%s: online %d '%s', never active\n", id, user.online, user.status);
  } else {
    printf("%s: online %d '%s', active at %lld\n", id, user.online, user.status, (long long)user.last_active_ms);
  }
}

int main(void) {
  char big[2100];

  client = presence_client_create(3);
  if (client == NULL) return 1;
  printf("advance: %d\n", presence_client_advance(client, 1546867062375));
  printf("advance: %d\n", presence_client_advance(client, 1546867062375));

  feed(
      "{\"type\":\"user.presence.changed\",\"created_at\":\"2019-01-07T13:17:42.375Z\",\"user\":{\"id\":\"john\","
      "\"online\":true,\"status\":\"Eating a veggie burger...\",\"last_active\":\"2019-01-07T13:17:42.375Z\"}}");
  feed(
      "{\"type\":\"user.presence.changed\",\"created_at\":\"2019-01-07T13:17:43Z\",\"user\":{\"id\":\"mary\","
      "\"online\":true,\"status\":\"\"}}");
  feed_user("{\"id\":\"jack\",\"online\":false,\"status\":\"gone \\u2603\"}", 1546867063000);
  printf("known: %d, online: %d\n", presence_client_count(client), presence_client_online_count(client));
  poll(2); /* the rest waits */
  poll(4);
  poll(4);
  read_one("john");
  read_one("mary");
  read_one("zoe");

  /* What is not a change, not for us, not JSON, not complete, and too much. */
  feed(
      "{\"type\":\"user.presence.changed\",\"created_at\":\"2019-01-07T13:17:43Z\",\"user\":{\"id\":\"mary\","
      "\"online\":true,\"status\":\"\"}}");
  feed("{\"type\":\"message.new\",\"message\":{}}");
  feed("{\"type\":\"user.presence.changed\",");
  feed("{\"type\":\"user.updated\",\"created_at\":true,\"user\":{\"id\":\"mary\",\"online\":true}}");
  feed("");
  feed(
      "{\"type\":\"user.presence.changed\",\"created_at\":\"2019-01-07T13:17:43Z\",\"user\":{\"id\":\"zoe\","
      "\"online\":true}}");
  memset(big, 'x', sizeof big);
  memcpy(big, "{\"id\":\"john\",\"status\":\"", 23);
  memcpy(big + sizeof big - 3, "\"}", 3);
  feed_user(big, 1546867064000);
  printf("no client: %d, no text: %d, a size below 0: %d\n", presence_client_feed(NULL, "{}", 2),
         presence_client_feed(client, NULL, 2), presence_client_feed(client, "{}", -1));
  poll(4);

  /* The line is cut. */
  printf("lost: %d\n", presence_client_connection_lost(client));
  printf("lost: %d\n", presence_client_connection_lost(client));
  poll(4);
  feed_user("{\"id\":\"john\",\"online\":true,\"status\":\"back\"}", 1546867070000);
  poll(4);
  read_one("john");

  /* On and off between two polls is no change. */
  feed_user("{\"id\":\"john\",\"online\":false,\"status\":\"back\"}", 1546867071000);
  feed_user("{\"id\":\"john\",\"online\":true,\"status\":\"back\"}", 1546867072000);
  poll(4);

  presence_client_destroy(client);
  presence_client_destroy(NULL);
  return 0;
}
