// The calls of a process that is a pager. What happens between a fault and its answer: user-pager.ts.

import type { Errno } from '../../base/index.ts';
import type { ScriptCore } from './core.ts';
import { isErrno } from './process-table.ts';
import { Blocked, call } from './script.ts';
import type { PagerCalls, PagerRequest } from './system-calls.ts';
import { UserPager } from './user-pager.ts';

/** Makes the calls of pagers in user space. */
export function pagerCalls(core: ScriptCore): PagerCalls {
  return {
    servePager: (name, pages) => call('servePager', [name, pages], () => servePager(core, name, pages)),
    pagerRequest: () => call('pagerRequest', [], () => pagerRequest(core)),
    pagerReply: (answer) => call('pagerReply', [answer], () => pagerReply(core, answer)),
  };
}

function servePager(core: ScriptCore, name: string, pages: number): 0 | Errno {
  if (!(Number.isSafeInteger(pages) && pages > 0)) return 'EINVAL';
  const pager = UserPager.create(core, name, pages);
  if (isErrno(pager)) return pager;
  const named = core.objects.addFile(pager);
  if (isErrno(named)) {
    pager.close();
    return named;
  }
  core.current.process.pagers.push(pager);
  return 0;
}

function pagerRequest(core: ScriptCore): PagerRequest | Errno | Blocked {
  const { current } = core;
  const { pagers } = current.process;
  if (pagers.length === 0) return 'EINVAL';
  if (current.serving?.state === 'taken') return 'EBUSY';
  for (const pager of pagers) {
    const taken = pager.take();
    if (taken === undefined) continue;
    current.serving = taken.request;
    const { kind, index } = taken.request;
    return { name: pager.name, kind, index, ...(taken.bytes !== undefined && { bytes: taken.bytes }) };
  }
  return new Blocked('a request for a page', () => pagers.some(({ queue }) => queue.length > 0));
}

function pagerReply(core: ScriptCore, answer: Uint8Array | Errno | undefined): 0 | Errno {
  const { current } = core;
  const request = current.serving;
  if (request === undefined) return 'EINVAL';
  let result = request.pager.answer(request, answer);
  if (result === 'ENOMEM' && core.system.reclaim(1) > 0) result = request.pager.answer(request, answer);
  if (request.state !== 'taken') current.serving = undefined;
  return result;
}
