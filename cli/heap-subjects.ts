// From the names after --allocator to what the laboratory judges.

import { UsageError } from '../src/base/index.ts';
import { ownSubject, ownSubjects, type SubjectKind } from '../src/lab/index.ts';

/** Returns what the names mean, each once, in their order: `all`, or names with commas between. Throws a UsageError for an unknown one. */
export function heapSubjects(text: string): SubjectKind[] {
  if (text === 'all') return [...ownSubjects];
  const names = [...new Set(text.split(',').map((name) => name.trim()))];
  return names.map((name) => {
    const kind = ownSubject(name);
    if (kind !== undefined) return kind;
    throw new UsageError(
      `there is no allocator '${name}': choose from ${ownSubjects.map((each) => each.name).join(', ')}, each also with +hardened or +locked behind it, or all`,
    );
  });
}
