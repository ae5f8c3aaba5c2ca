// The playground in the place of the page's file of the same name, which describes what a backend is.
export { openBackend } from './playground.js';
