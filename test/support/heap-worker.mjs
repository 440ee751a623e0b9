// A worker of heap-workers.test.ts: uses a heap that others use at the same time, and looks whether any block is given twice or changes.
//
// Each block holds its size, and bytes that depend on its address. `claims` has a word for each 8 bytes of the heap: who gets a block claims
// its first word, and finds another's claim if that has the block too. `mail` are slots through which blocks change hands: whoever takes one frees it.

import { parentPort, workerData } from 'node:worker_threads';
import { Heap } from '../../dist/src/heap/malloc/heap.js';

const { backing, claims, mail, steps, seed, largest } = workerData;
const heap = Heap.open(backing);
const mine = [];
const problems = [];
let state = seed;

function below(limit) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * limit);
}

function problem(text) {
  if (problems.length < 5) problems.push(text);
}

function given(address, bytes) {
  if (address === 0) return;
  if (Atomics.exchange(claims, address >>> 3, 1) !== 0) problem(`the block at ${address} was given twice`);
  fill(address, bytes);
  const to = below(4) === 0 ? below(mail.length) : -1;
  if (to < 0) mine.push(address);
  else free(Atomics.exchange(mail, to, address));
}

function fill(address, bytes) {
  const { bytes: memory } = heap;
  memory.fill(address >>> 3, address, address + bytes);
  new DataView(memory.buffer).setUint32(address, bytes, true);
}

/** Looks at the content; returns the size. */
function verified(address) {
  const { bytes: memory } = heap;
  const bytes = new DataView(memory.buffer).getUint32(address, true);
  if (bytes < 8 || bytes > largest) problem(`the block at ${address} says it has ${bytes} bytes`);
  else if (memory.subarray(address + 4, address + bytes).some((byte) => byte !== ((address >>> 3) & 0xff)))
    problem(`the block at ${address} changed`);
  return bytes;
}

function release(address) {
  if (Atomics.exchange(claims, address >>> 3, 0) !== 1) problem(`the block at ${address} was nobody's`);
}

function free(address) {
  if (address === 0) return;
  verified(address);
  release(address);
  if (!heap.free(address)) problem(`the block at ${address} could not be freed`);
}

function takeOne() {
  const at = below(mine.length);
  const address = mine[at];
  mine[at] = mine[mine.length - 1];
  mine.pop();
  return address;
}

function realloc(address, bytes) {
  const old = verified(address);
  // Its address may be another's as soon as it has moved.
  release(address);
  const moved = heap.realloc(address, bytes);
  if (moved === 0) {
    if (Atomics.exchange(claims, address >>> 3, 1) !== 0) problem(`the block at ${address} was given to another while it could not grow`);
    mine.push(address);
    return;
  }
  const { bytes: memory } = heap;
  const kept = memory.subarray(moved + 4, moved + Math.min(old, bytes));
  if (kept.some((byte) => byte !== ((address >>> 3) & 0xff))) problem(`realloc of ${address} to ${moved} lost content`);
  given(moved, bytes);
}

for (let step = 0; step < steps; step++) {
  const bytes = 8 + (below(20) === 0 ? below(largest - 8) : below(120));
  const what = below(10);
  if (what < 5) given(heap.malloc(bytes), bytes);
  else if (what === 5) given(heap.memalign(64, bytes), bytes);
  else if (mine.length === 0) continue;
  else if (what === 6) realloc(takeOne(), bytes);
  else free(takeOne());
  if (mine.length > 300) free(takeOne());
}

// Half of what is left stays for the test to find.
const kept = mine.splice(0, mine.length >>> 1);
for (const address of mine) free(address);
parentPort.postMessage({ problems, kept });
