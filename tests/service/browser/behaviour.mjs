// What both backends must show, in the same words.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { desk, eventually, faint, hostileNames, nameless, openPage, overflowing, phone, until } from './browser.mjs';

/**
 * Declares the tests. `start()` returns { url, stop() } with its initial users; `populate(page)` brings in the friends
 * if they are not there; `rename(url, page, users)` gives each of { id: name } that name;
 * `hasExtra` if that makes a friend of a user who was not there.
 */
export function testBehaviour(getBrowser, { start, populate, rename, hasExtra, timelineTitle, shot }) {
  const onPage = (name, options, fn) =>
    test(name, async () => {
      const server = await start();
      try {
        const opened = await openPage(getBrowser(), server.url, options);
        await populate(opened.page);
        await until(async () => (await opened.left.people()).length === 7, 'the left viewer sees seven friends');
        await until(async () => (await opened.right.people()).length === 7, 'the right viewer sees seven friends');
        await fn({ ...opened, server });
        await opened.close();
      } finally {
        await server.stop();
      }
    });

  onPage('a user who goes invisible vanishes for others at once, and returns', {}, async ({ page, left, right, shot: take }) => {
    assert.equal(await right.person('John'), 'John | Online');
    const before = (await right.events()).length;
    await left.invisible.click();
    await eventually(() => right.person('John'), 'John | Offline');
    await eventually(() => right.latest(), 'John is offline');
    const names = (await right.people()).map((text) => text.split(' | ')[1]);
    assert.ok(names.indexOf('Offline') > names.findLastIndex((state) => state !== 'Offline'), `online first: ${names}`);
    assert.equal(await left.text('.own-state'), 'Invisible: others see you offline');
    assert.equal(await left.invisible.getAttribute('aria-checked'), 'true');
    await eventually(() => left.person('Jack'), 'Jack | Online');
    for (let i = 0; i < 5; ++i) await page.evaluate(() => document.querySelector('#controls [data-seconds="60"]')?.click());
    await take(`${shot}-invisible`);

    // Nothing that John does now is received by Jack.
    await left.choose('Busy');
    await left.button('Join').click();
    await eventually(() => left.text('.own-state'), 'Invisible: others see you offline');
    const received = (await right.events()).slice(before).filter((event) => event.user?.id === 'john');
    assert.ok(received.every((event) => event.user.online === false), JSON.stringify(received));
    assert.equal(received.filter((event) => event.type === 'user.presence.changed').length, 1);
    await left.choose('Automatic');
    await left.button('End').click();

    await left.invisible.click();
    await eventually(() => right.person('John'), 'John | Online');
    await eventually(() => left.text('.own-state'), 'Online');
  });

  onPage('availability, activity and status are shown to others', {}, async ({ left, right }) => {
    await left.choose('Busy');
    await eventually(() => right.person('John'), 'John | Busy');
    await eventually(() => right.latest(), 'John is busy');
    await eventually(() => left.text('.own-state'), 'Busy');
    await left.choose('Away');
    await eventually(() => right.person('John'), 'John | Away');
    await left.choose('Automatic');
    await eventually(() => right.person('John'), 'John | Online');

    await left.button('Join').click();
    await eventually(() => right.person('John'), 'John | Online | in a match 2/4');
    await eventually(() => right.latest(), 'John is in a match 2/4');
    await left.root.getByLabel('Players in the match').fill('3');
    await left.button('Join').click();
    await eventually(() => right.person('John'), 'John | Online | in a match 3/4');
    await left.root.getByLabel('Players in the match').fill('5');
    await left.button('Join').click();
    await eventually(() => left.text('.notice'), '5 players are more than 4 places.');
    assert.equal(await right.person('John'), 'John | Online | in a match 3/4');

    await left.say('Eating a veggie burger...');
    await eventually(() => right.person('John'), 'John | Online | in a match 3/4 | Eating a veggie burger...');
    await eventually(() => right.latest(), 'John says “Eating a veggie burger...”');
    assert.equal(await left.root.locator('.notice').isVisible(), false);
    await left.button('End').click();
    await eventually(() => right.person('John'), 'John | Online |  | Eating a veggie burger...');
    await left.say('');
    await eventually(() => right.person('John'), 'John | Online');
    await eventually(() => right.latest(), 'John cleared the status');
  });

  onPage('disconnecting and connecting, also invisibly', {}, async ({ left, right }) => {
    await left.button('Disconnect').click();
    await eventually(() => right.person('John'), 'John | Offline');
    await eventually(() => left.text('.own-state'), 'Not connected');
    assert.equal(await left.root.getByLabel('Availability').isDisabled(), true);
    await left.button('Connect').click();
    await eventually(() => right.person('John'), 'John | Online');
    assert.equal(await right.position('John'), 0, 'the latest active is the first');

    await left.button('Disconnect').click();
    await eventually(() => right.person('John'), 'John | Offline');
    const before = (await right.events()).length;
    await left.invisible.click();
    await left.button('Connect').click();
    await eventually(() => left.text('.own-state'), 'Invisible: others see you offline');
    await right.say('after');
    await eventually(() => left.person('Jack'), 'Jack | Online |  | after');
    const received = (await right.events()).slice(before);
    assert.deepEqual(received.filter(({ type, user }) => type === 'user.presence.changed' && user.id === 'john'), []);
    assert.equal(await right.person('John'), 'John | Offline');

    await left.button('Disconnect').click();
    await left.root.getByLabel('User id').fill('newcomer');
    await left.invisible.click();
    await left.button('Connect').click();
    await eventually(() => right.person('newcomer'), 'newcomer | Online');
    assert.equal(await right.position('newcomer'), 0);
    const online = (await right.people()).filter((text) => !text.includes('Offline')).length;
    assert.equal(await right.text('.friends .count'), `${online} of 8 online`);
    await left.button('Disconnect').click();
    await left.root.getByLabel('User id').fill(' ');
    await left.button('Connect').click();
    await eventually(() => left.text('.notice'), 'Enter a user id.');
  });

  onPage('the room counts who watches it, and not who is invisible', {}, async ({ left, right }) => {
    await left.button('Join the lobby').click();
    await eventually(() => left.text('.room .count'), '1 watcher');
    await eventually(() => left.watchers(), ['John']);
    await right.button('Join the lobby').click();
    await eventually(() => left.watchers(), ['Jack', 'John']);
    await eventually(() => left.text('.room .count'), '2 watchers');
    await eventually(() => right.watchers(), ['Jack', 'John']);
    await left.invisible.click();
    await eventually(() => right.text('.room .count'), '1 watcher');
    await eventually(() => right.watchers(), ['Jack']);
    assert.deepEqual(await left.watchers(), ['Jack', 'John'], 'John sees himself');
    await left.invisible.click();
    await eventually(() => right.watchers(), ['Jack', 'John']);
    await right.button('Leave the lobby').click();
    await eventually(() => left.watchers(), ['John']);
    await eventually(() => left.text('.room .count'), '1 watcher');
    await eventually(() => right.watchers(), []);
    await right.button('Join the lobby').click();
    await eventually(() => left.watchers(), ['Jack', 'John']);
    await right.button('Disconnect').click();
    await eventually(() => left.text('.room .count'), '1 watcher');
  });

  onPage('all of it by keyboard', {}, async ({ page, left, right }) => {
    await page.evaluate(() => {  // the keyboard begins at the top
      document.body.tabIndex = -1;
      document.body.focus();
    });
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the viewers');
    await page.keyboard.press('Enter');
    const seen = [];
    const tabTo = async (name) => {
      for (let i = 0; i < 40; ++i) {
        await page.keyboard.press('Tab');
        const focused = await page.evaluate(() => {
          const part = document.activeElement;
          const style = getComputedStyle(part);
          return {
            name: part.getAttribute('aria-label') ?? part.labels?.[0]?.querySelector('span')?.textContent ?? part.textContent,
            isMarked: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
          };
        });
        assert.ok(focused.isMarked, `the focus on ${focused.name} is visible`);
        seen.push(focused.name.trim());
        if (focused.name.trim() === name) return;
      }
      assert.fail(`${name} is not reached: ${seen}`);
    };
    await tabTo('Disconnect');
    await tabTo('Invisible');
    await page.keyboard.press('Space');
    await eventually(() => right.person('John'), 'John | Offline');
    await page.keyboard.press('Space');
    await eventually(() => right.person('John'), 'John | Online');
    await tabTo('Availability');
    await page.keyboard.press('b');  // busy
    await eventually(() => right.person('John'), 'John | Busy');
    await tabTo('Status');
    await page.keyboard.type('By keyboard');
    await page.keyboard.press('Enter');
    await eventually(() => right.person('John'), 'John | Busy |  | By keyboard');
    await tabTo('Join');
    await page.keyboard.press('Enter');
    await eventually(() => right.person('John'), 'John | Busy | in a match 2/4 | By keyboard');
    await tabTo('Join the lobby');
    await page.keyboard.press('Space');
    await eventually(() => left.watchers(), ['John']);
    await tabTo('As a table');
    await page.keyboard.press('Enter');
    await left.root.getByRole('table').waitFor();
    await tabTo('Disconnect');
    await page.keyboard.press('Enter');
    await eventually(() => right.text('.own-state'), 'Not connected');
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.type('jack-keyboard');
    await page.keyboard.press('Enter');
    await eventually(() => left.person('jack-keyboard'), 'jack-keyboard | Online');
    await eventually(() => page.evaluate(() => document.activeElement.textContent), 'Disconnect');
  });

  onPage('the timeline has a row for each friend, and says the same in words', {}, async ({ left, right, page }) => {
    await until(async () => (await left.timeline()).length === 8, 'there is a row for the viewer and each friend');
    const names = ['John', ...(await left.people()).map((text) => text.split(' | ')[0])];
    await eventually(async () => (await left.timeline()).map((text) => text.split(':')[0]), names);
    await left.invisible.click();
    await eventually(() => right.person('John'), 'John | Offline');
    // Time passes so that there is something to be seen.
    await page.evaluate(() => document.querySelector('#controls [data-seconds="60"]')?.click());
    assert.match(await left.text('.history h3'), timelineTitle);
    const row = async (viewer) => (await viewer.timeline()).find((text) => text.startsWith('John:'));
    await until(async () => /invisible for/.test(await row(left)), 'John sees his own invisible time');
    assert.doesNotMatch(await row(right), /invisible/);
    await right.root.getByText('As a table').click();
    const cells = await right.root.getByRole('table').getByRole('row').allInnerTexts();
    assert.equal(cells[0].replaceAll('\t', ' '), 'Name State From To');
    assert.ok(cells.some((text) => /^John\t(Online|Offline)\t/.test(text)), cells.join('\n'));
    assert.ok(!cells.some((text) => text.includes('Invisible')));
  });

  for (const [size, viewport] of [['desk', desk], ['phone', phone]]) {
    for (const colorScheme of ['light', 'dark']) {
      const name = `on a ${size}, ${colorScheme}: it fits, is readable, and has names for screen readers`;
      onPage(name, { viewport, colorScheme }, async ({ page, left, right, shot: take }) => {
        await left.button('Join the lobby').click();
        await right.button('Join the lobby').click();
        await eventually(() => left.watchers(), ['Jack', 'John']);
        await left.button('Join').click();
        await eventually(() => right.person('John'), 'John | Online | in a match 2/4');
        await take(`${shot}-${size}-${colorScheme}`);
        assert.deepEqual(await overflowing(page), []);
        assert.deepEqual(await faint(page), []);
        assert.deepEqual(await nameless(page), []);
        const [a, b] = [await left.root.boundingBox(), await right.root.boundingBox()];
        if (size === 'desk') assert.ok(a.y === b.y && a.x + a.width <= b.x, 'side by side');
        else assert.ok(a.x === b.x && a.y + a.height <= b.y, 'stacked');
        if (size === 'phone') {
          const small = await page.locator('button:visible, input:visible, select:visible').evaluateAll((all) =>
            all.filter((one) => one.getBoundingClientRect().height < 44).map((one) => one.outerHTML));
          assert.deepEqual(small, [], 'large enough for fingers');
        }
        const parts = [['banner'], ['main'], ['heading', 'Presence'], ['heading', 'John'], ['region', 'Left viewer'],
          ['region', 'Right viewer']];
        for (const [role, name] of parts) {
          assert.equal(await page.getByRole(role, { name, exact: true }).first().isVisible(), true, `${role} ${name ?? ''}`);
        }
      });
    }
  }

  for (const viewport of [desk, phone]) {
    onPage(`hostile names at ${viewport.width} pixels`, { viewport }, async ({ page, left, right, server, shot: take }) => {
      const ids = ['mary', 'ann', 'omar', 'yuki', 'noor', 'lena', 'extra', 'john', 'jack'];
      const names = Object.values(hostileNames);
      assert.equal(names.length, ids.length);
      await rename(server.url, page, Object.fromEntries(ids.map((id, i) => [id, names[i]])));
      for (const [viewer, other] of [[left, 'jack'], [right, 'john']]) {
        const shown = ids.filter((id) => id === other || ids.indexOf(id) < (hasExtra ? 7 : 6));
        const expected = shown.map((id) => [id, id === 'noor' ? id : names[ids.indexOf(id)]]);
        await eventually(async () => {
          const rows = await viewer.root.locator('.person').evaluateAll((all) =>
            all.map((row) => [row.dataset.id, row.querySelector('.name').textContent]));
          return rows.sort((a, b) => ids.indexOf(a[0]) - ids.indexOf(b[0]));
        }, expected);
        const heights = await viewer.root.locator('.person')
          .evaluateAll((rows) => rows.map((row) => row.getBoundingClientRect().height));
        assert.ok(Math.max(...heights) < 110, `heights of rows: ${heights}`);
      }
      await right.say(`${names[0]} ${hostileNames.long.slice(0, 100)}`);
      await eventually(async () => (await left.root.locator('.words').allTextContents()).some((text) => text.includes('onerror')), true);
      assert.equal(await page.locator('img, script:not([src="app.js"])').count(), 0);
      await take(`${shot}-hostile-${viewport.width}`);
      assert.deepEqual(await overflowing(page), []);
    });
  }

  onPage('nothing moves for those who want no motion', { reducedMotion: 'reduce' }, async ({ page, left, right }) => {
    await left.invisible.click();
    await eventually(() => right.person('John'), 'John | Offline');
    assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
  });
}
