// What the page says about users. No function here touches the document.

export const labels = {
  online: 'Online',
  busy: 'Busy',
  away: 'Away',
  idle: 'Idle',
  offline: 'Offline',
  invisible: 'Invisible',
};

/** Returns one of the keys of `labels`. */
export function stateOf(user) {
  if (!user?.online) return 'offline';
  if (user.invisible) return 'invisible';
  return ['busy', 'away', 'idle'].includes(user.availability) ? user.availability : 'online';
}

/** Returns the name, or the id if there is no name that can be seen. */
export function nameOf(user) {
  if (typeof user.name !== 'string') return user.id;
  return /[^\p{Z}\p{C}\p{Default_Ignorable_Code_Point}\u2800]/u.test(user.name) ? user.name : user.id;
}

/** Online first, then the latest active, then by name. */
export function inOrder(a, b) {
  const time = (user) => Date.parse(user.last_active ?? '') || 0;
  return (
    Number(b.online) - Number(a.online) ||
    time(b) - time(a) ||
    nameOf(a).localeCompare(nameOf(b), 'en') ||
    (a.id < b.id ? -1 : 1)
  );
}

/** Returns what the user is doing, or an empty string. */
export function activityOf(user) {
  if (!user.online || typeof user.activity !== 'object' || user.activity === null) return '';
  const parts = [];
  for (const [name, value] of Object.entries(user.activity)) {
    if (!['string', 'number'].includes(typeof value)) continue;
    parts.push(name === 'match' ? `in a match ${value}` : `${name}: ${value}`);
  }
  return parts.join(', ');
}

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'always' });

/** Returns a time before `now`, such as "5 minutes ago". Clocks differ, so the near future is now. */
export function ago(time, now) {
  const seconds = Math.round((now - time) / 1000);
  if (seconds < 10) return 'just now';
  if (seconds < 60) return relative.format(-seconds, 'second');
  if (seconds < 3600) return relative.format(-Math.floor(seconds / 60), 'minute');
  if (seconds < 86400) return relative.format(-Math.floor(seconds / 3600), 'hour');
  return relative.format(-Math.floor(seconds / 86400), 'day');
}

/** Returns "1 minute" or "12 minutes"; less than a minute is "under a minute". */
export function lasting(ms) {
  const minutes = Math.round(ms / 60000);
  if (ms < 60000) return 'under a minute';
  return minutes === 1 ? '1 minute' : `${minutes} minutes`;
}

export function clock(time, withSeconds = false) {
  const options = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
  return new Date(time).toLocaleTimeString('en', withSeconds ? { ...options, second: '2-digit' } : options);
}

/** Returns at most two letters that stand for the user. A letter may be several code points, such as an emoji. */
export function initialsOf(user) {
  const words = nameOf(user).trim().split(/[\s._-]+/u).filter((word) => /[\p{L}\p{N}\p{Emoji}]/u.test(word));
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined].map((word) => {
    if (word === undefined) return '';
    for (const { segment } of new Intl.Segmenter().segment(word)) {
      // At most one mark above or below a letter.
      if (/[\p{L}\p{N}\p{Emoji}]/u.test(segment)) return segment.replace(/(\p{M})\p{M}+/gu, '$1').slice(0, 16);
    }
    return '';
  });
  return letters.join('').toLocaleUpperCase('en') || '?';
}

/** Returns a hue from 0 to 359, always the same for an id. */
export function hueOf(id) {
  let hash = 7;
  for (const letter of id) hash = (hash * 31 + letter.codePointAt(0)) % 100003;
  return (hash * 137) % 360;
}

/** Returns the text between the characters that keep its direction from spreading. */
function isolate(text) {
  return `\u2068${text}\u2069`;
}

/** Returns what changed, in the words that follow a name: "is away", "is in a match 2/4". Empty for last_active alone. */
export function changeBetween(before, after) {
  const parts = [];
  if (!after) return 'was removed';
  if (stateOf(before) !== stateOf(after)) parts.push(`is ${labels[stateOf(after)].toLowerCase()}`);
  const [was, is] = [before ? activityOf(before) : '', activityOf(after)];
  if (was !== is && after.online) parts.push(is ? `is ${isolate(is)}` : 'ended the match');
  if ((before?.status ?? '') !== (after.status ?? '')) {
    parts.push(after.status ? `says “${isolate(after.status)}”` : 'cleared the status');
  }
  if (before && nameOf(before) !== nameOf(after)) parts.push(`was ${isolate(nameOf(before))}`);
  return parts.join(', ');
}
