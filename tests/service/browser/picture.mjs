// Takes the picture of the playground for the README: node picture.mjs FILE. John is invisible, so Jack sees
// John offline.
import { writeFileSync } from 'node:fs';

import { eventually, launch, openPage, startFiles } from './browser.mjs';
import { withPalette } from './png.mjs';

/** All but the lines that are folded at the end. */
const area = (page) => page.evaluate(() => {
  const end = document.querySelector('.as-table').getBoundingClientRect().top + window.scrollY;
  return { x: 0, y: 0, width: 1280, height: Math.round(end) + 6 };
});

const browser = await launch();
const files = await startFiles(process.env.PRESENCE_PLAYGROUND);
try {
  const options = { time: '2019-01-07T13:17:00Z', reducedMotion: 'reduce', viewport: { width: 1280, height: 1300 } };
  const { page, left, right, close } = await openPage(browser, files.url, options);
  for (const viewer of [left, right]) await viewer.button('Join the lobby').click();
  const advance = page.getByRole('button', { name: 'Advance the clock by 1 min' });
  for (let i = 0; i < 4; ++i) await advance.click();
  await left.invisible.click();
  await eventually(() => right.person('John'), 'John | Offline');
  for (let i = 0; i < 3; ++i) await advance.click();
  await eventually(async () => (await left.timeline())[0], 'John: online for 24 minutes, invisible for 3 minutes');
  await page.evaluate(() => document.activeElement.blur());
  await page.mouse.move(0, 0);
  writeFileSync(process.argv[2], withPalette(await page.screenshot({ clip: await area(page) })));
  await close();
} finally {
  await browser.close();
  await files.stop();
}
