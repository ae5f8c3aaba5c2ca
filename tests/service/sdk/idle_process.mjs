// SPDX-License-Identifier: MIT
// Connects many users by WebSockets that do nothing then. Answers the pings of the service. Arguments: the port, how
// many, and the prefix of the users. Prints `connected`, then a line for each socket that was closed.
import { devTokenPath, openIdle } from './idle.mjs';

const [port, count, prefix] = [Number(process.argv[2]), Number(process.argv[3]), process.argv[4]];
await openIdle(
  port,
  count,
  (i) => devTokenPath(`${prefix}${i}`),
  () => console.log('closed'),
);
console.log('connected');
process.stdin.on('end', () => process.exit()).resume();
