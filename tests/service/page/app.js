import { openBackend } from './backend.js';
import { viewers } from './cast.js';
import { Panel } from './panel.js';

const place = document.getElementById('viewers');
const banner = document.getElementById('banner');

try {
  const backend = await openBackend();
  const panels = viewers.map(({ id }, index) => new Panel(backend, place, { id, side: index === 0 ? 'left' : 'right' }));
  backend.mountControls?.(document.getElementById('controls'), document.getElementById('tools'));
  for (const panel of panels) await panel.connect();
  backend.onTime(() => panels.forEach((panel) => panel.timePassed()));
  document.documentElement.dataset.ready = '';
} catch (error) {
  banner.textContent = `The page cannot start: ${error.message}`;
  banner.hidden = false;
}
