// SPDX-License-Identifier: MIT
// A client of the SDK that another process may kill or stop. Prints a line for what happens, and each status that it is
// notified about. Arguments: the URL of the service, and the user as JSON, whose `follows` are users to follow.
import { StreamChat } from 'stream-chat';

const [url, json] = process.argv.slice(2);
const { follows = [], ...user } = JSON.parse(json);
const client = new StreamChat('key', { baseURL: url, allowServerSideConnect: true, timeout: 20_000 });
const follow = () => client.queryUsers({ id: { $in: follows } }, {}, { presence: true });

client.on('user.presence.changed', (event) => console.log(`${event.user.id}: ${event.user.status}`));
client.on('connection.recovered', async () => {
  if (follows.length > 0) await follow();
  console.log('recovered');
});
await client.connectUser(user, client.devToken(user.id));
if (follows.length > 0) await follow();
console.log('connected');
process.stdin.on('end', () => client.disconnectUser()).resume();
