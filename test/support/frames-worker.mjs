// One of several workers on one lock-free bitmap. A word for each frame says who holds it: whoever gets a frame must find it unclaimed.

import { parentPort, workerData } from 'node:worker_threads';
import { attachAtomicBitmap } from '../../dist/src/frames/index.js';

const { words, claims, first, count, steps, seed, name, mail, mostHeld } = workerData;
const allocator = attachAtomicBitmap(first, count, { words });
const problems = [];
const held = [];
let [state, refused, runs, traded] = [seed, 0, 0, 0];

function random(below) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
  return ((state >>> 8) * below) >>> 24;
}

function claim(frame) {
  if (frame < first || frame >= first + count) problems.push(`frame ${frame} is outside the range`);
  const before = Atomics.compareExchange(claims, frame - first, 0, name);
  if (before !== 0) problems.push(`worker ${name} was given frame ${frame}, which worker ${before} holds`);
  held.push(frame);
}

function giveBack(frame) {
  Atomics.store(claims, frame - first, 0);
  allocator.free(frame);
}

for (let step = 0; step < steps; step++) {
  const choice = random(16);
  if (choice < 7 || held.length === 0) {
    const frame = held.length < mostHeld ? allocator.allocate() : -1;
    if (frame === -1) refused++;
    else claim(frame);
  } else if (choice < 8) {
    const length = 1 + random(40);
    const run = held.length < mostHeld ? allocator.allocateRun(length, { alignment: 1 << random(4) }) : -1;
    if (run !== -1) runs++;
    for (let i = 0; run !== -1 && i < length; i++) claim(run + i);
  } else if (choice < 9) {
    // To another worker, which frees it: what is in the letter box comes back.
    const at = random(held.length);
    const other = Atomics.exchange(mail, random(mail.length), held[at] + 1) - 1;
    held[at] = held.at(-1);
    held.pop();
    if (other !== -1) {
      traded++;
      giveBack(other);
    }
  } else {
    const at = random(held.length);
    giveBack(held[at]);
    held[at] = held.at(-1);
    held.pop();
  }
}
parentPort.postMessage({ problems: problems.slice(0, 5), held, refused, runs, traded });
