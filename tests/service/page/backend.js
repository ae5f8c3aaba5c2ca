// The page works with any module that exports `openBackend`. The playground puts its own in the place of this file.
//
// openBackend() returns a promise of a Backend:
//   now()                      ms since 1970, by the clock of the server
//   open(id, options)          a promise of a Connection, or an Error whose message can be shown
//   onTime(fn)                 calls fn when time has passed: views may have changed without an event
//   mountControls(controls, tools)   optional: fills a section, or a part of the head of the page, with its controls
// options: { name, invisible, onEvent(event), onState(state, reason) }. Events are those of the wire, such as
// user.presence.changed. States: "open" (again), "lost" (it returns by itself) and "closed" (it does not).
// Connection:
//   me()                       the user as they see themselves
//   friends()                  all friends; from now on the connection receives what changes about them
//   send(event)                applies an event of the user's own, and returns the verdict
//   enterRoom(), leaveRoom()   return { watchers, watcher_count }
//   timeline(ids)              { now, from, users: [{ id, spans: [{ from, to, state }] }] }
//   close()
export { openBackend } from './service.js';
