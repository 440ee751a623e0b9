// Plays a script on a memory manager and on the model in lockstep.
//
//   step -> what the model expects -> the manager's answer -> settle: the same? then the model does it too
//
// Each request must succeed or fail as the model says, each byte must be the model's, `check()` must hold, and at the end, when all is
// given up, all frames, all bytes of kernel heap and all swap slots must be back.

import * as areas from './areas.ts';
import { LARGE_PAGES } from './eights.ts';
import * as pinning from './pinning.ts';
import { OBJECT_COUNT, type Script, type Step, type StepName, type StepOf } from './script.ts';
import { Disagreement, type MakeSystem } from './stage.ts';
import { Trial } from './trial.ts';

/** What a trial found. */
export interface Failure {
  /** Number of the step; the script's length if it was the end. */
  readonly step: number;
  readonly message: string;
}

/** Plays `script`. Returns what it found, if anything. */
export function play(script: Script, makeSystem: MakeSystem = (_machine, made) => made): Failure | undefined {
  let number = 0;
  try {
    const trial = new Trial(script, makeSystem);
    for (; number < script.steps.length; number++) {
      const step = script.steps[number] as Step;
      if (trial.begin()) (doers[step.do] as (trial: Trial, step: Step) => void)(trial, step);
    }
    trial.end();
    return undefined;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { step: number, message: error instanceof Disagreement ? error.message : (error.stack ?? error.message) };
  }
}

const onSpace =
  <S extends { readonly space: number }>(does: (trial: Trial, actor: ReturnType<Trial['actor']>, step: S) => void) =>
  (trial: Trial, step: S): void =>
    does(trial, trial.actor(step.space), step);

/** How each step is done. */
const doers: { readonly [Name in StepName]: (trial: Trial, step: StepOf<Name>) => void } = {
  load: (trial, { space, page, offset, size }) => trial.load(trial.actor(space), page, offset, size),
  store: (trial, { space, page, offset, size, value }) => trial.store(trial.actor(space), page, offset, size, value),
  fill: (trial, { space, page, value }) => {
    const first = page - (page % LARGE_PAGES);
    for (let each = first; each < first + LARGE_PAGES; each++) trial.store(trial.actor(space), each, 0, 1, value);
  },
  map: onSpace(areas.map),
  unmap: onSpace(areas.unmap),
  protect: onSpace(areas.protect),
  brk: onSpace(areas.brk),
  sync: onSpace(areas.sync),
  remap: onSpace(areas.remap),
  advise: onSpace(areas.advise),
  inherit: onSpace(areas.inherit),
  commit: onSpace(areas.commit),
  decommit: onSpace(areas.commit),
  fork: (trial, { space }) => areas.fork(trial, trial.actor(space)),
  exit: (trial, { space }) => {
    if (trial.actors.length > 1) trial.exit(space % trial.actors.length);
  },
  lock: onSpace(pinning.lock),
  unlock: onSpace(pinning.unlock),
  lockAll: onSpace(pinning.lockAll),
  unlockAll: onSpace(pinning.unlockAll),
  limit: onSpace(pinning.limit),
  residency: onSpace(pinning.residency),
  kernelLoan: onSpace(pinning.lendToKernel),
  kernelPages: pinning.kernelPages,
  endLoan: (trial, { loan }) => {
    if (trial.loans.length > 0) trial.endLoan(loan % trial.loans.length);
  },
  transfer: onSpace(pinning.transfer),
  lend: (trial, step) => pinning.lend(trial, trial.actor(step.space), trial.actor(step.to), step),
  pass: (trial, step) => pinning.pass(trial, trial.actor(step.space), trial.actor(step.to), step),
  lendWritable: (trial, step) => pinning.lendWritable(trial, trial.actor(step.space), trial.actor(step.to), step),
  endWritableLoan: (trial, { loan }) => {
    if (trial.writableLoans.length > 0) trial.endWritableLoan(loan % trial.writableLoans.length);
  },
  swapOn: pinning.swapOn,
  swapOff: pinning.swapOff,
  reclaim: (trial, { frames }) => void trial.stage.system.reclaim(frames),
  renew: (trial, { object }) => areas.renew(trial, object % OBJECT_COUNT),
  tick: (trial) => trial.stage.system.tick(),
  verify: (trial) => trial.verify(),
  check: (trial) => trial.stage.system.check(),
};
