// From the names after --allocator to what the laboratory judges.

import { UsageError } from '../src/base/index.ts';
import { ownSubject, ownSubjects, type SubjectKind } from '../src/lab/index.ts';
import { type GuestSetting, isGuestPath } from './guest-job.ts';

/** An allocator to judge: one of Quire's, or a guest that has yet to be tried. */
export type Contestant =
  | { readonly name: string; readonly kind: SubjectKind; readonly guest?: never }
  | { readonly name: string; readonly guest: GuestSetting; readonly kind?: never };

/**
 * Returns what the names mean, each once, in their order: `all`, or names and paths with commas between. Throws a UsageError for an
 * unknown name.
 */
export function contestants(text: string, setting: Omit<GuestSetting, 'path'>): Contestant[] {
  if (text === 'all') return ownSubjects.map((kind) => ({ name: kind.name, kind }));
  const names = [...new Set(text.split(',').map((name) => name.trim()))];
  return names.map((name) => {
    if (isGuestPath(name)) return { name, guest: { path: name, ...setting } };
    const kind = ownSubject(name);
    if (kind !== undefined) return { name, kind };
    const known = ownSubjects.map((each) => each.name).join(', ');
    throw new UsageError(
      `there is no allocator '${name}': choose from ${known}, each also with +hardened or +locked behind it, or all, or give a path to your own (.wasm, .js)`,
    );
  });
}
