/** Creates an element. Texts are never parsed as HTML: any user may have written them. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'class') made.className = value;
    else if (name === 'on') for (const [type, listener] of Object.entries(value)) made.addEventListener(type, listener);
    else if (name in made && typeof value !== 'string') made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** Creates an element of SVG. */
export function shape(tag, attributes = {}, ...children) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Sets a text only if it differs, so that screen readers do not read it again. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** An element with a user's text. Its direction does not affect the text around it. */
export function isolated(text) {
  return element('bdi', {}, text);
}

/** Returns a function that calls `fn` once, `ms` after the first of several calls. */
export function soon(fn, ms) {
  let timer;
  return () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      fn();
    }, ms);
  };
}

/** Returns a function that calls `fn` in the next frame, once for several calls. */
export function oncePerFrame(fn) {
  let isWaiting = false;
  return () => {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => {
      isWaiting = false;
      fn();
    });
  };
}
