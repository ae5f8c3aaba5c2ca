/** Loads the module that build.py makes. */
export async function loadLibrary(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} cannot be loaded (status ${response.status}).`);
  const imports = {
    env: { emscripten_notify_memory_growth() {} },
    wasi_snapshot_preview1: {
      proc_exit(code) { throw new Error(`The library ended with code ${code}.`); },
    },
  };
  // Not instantiateStreaming: some servers of static files do not know the type of the file.
  const { instance } = await WebAssembly.instantiate(await response.arrayBuffer(), imports);
  instance.exports._initialize();
  return new Library(instance.exports);
}

class Library {
  #exports;
  constructor(exports) { this.#exports = exports; }

  /** Calls a function with strings, and returns the object that it gives as JSON. Throws what it reports as an error. */
  call(name, ...texts) {
    const pointers = texts.map((text) => this.#copy(text));
    let answer;
    try {
      answer = this.#read(this.#exports[`playground_${name}`](...pointers));
    } finally {
      for (const pointer of pointers) this.#exports.free(pointer);
    }
    const object = JSON.parse(answer);
    if (object.error) {
      const { code, offset, message } = object.error;
      throw new Error(`${message} (${code} at byte ${offset}).`);
    }
    return object;
  }

  #copy(text) {
    const bytes = new TextEncoder().encode(text.replaceAll('\0', '\uFFFD'));
    const pointer = this.#exports.malloc(bytes.length + 1);
    if (pointer === 0) throw new Error('The library has no memory left.');
    const memory = new Uint8Array(this.#exports.memory.buffer, pointer, bytes.length + 1);
    memory.set(bytes);
    memory[bytes.length] = 0;
    return pointer;
  }

  #read(pointer) {
    const memory = new Uint8Array(this.#exports.memory.buffer);
    return new TextDecoder().decode(memory.subarray(pointer, memory.indexOf(0, pointer)));
  }
}
