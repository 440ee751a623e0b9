// Where the contract leaves a choice, or a system of its time lacked something: what each manager does.

/** A manager's own ways. */
export interface Ways {
  /** What `advise` with `free` answers for memory that is not private and anonymous, or locked; then nothing is given up there. */
  readonly freeElsewhere: 'refused' | 'ignored';
  /** Whether a private copy of shared memory shows what others write there until its own first write; `unsettled`: some pages do, so nobody asks. */
  readonly copyOfSharedMemory: 'showsIt' | 'unsettled';
}

const usual: Ways = { freeElsewhere: 'refused', copyOfSharedMemory: 'showsIt' };

const waysBySystem: Readonly<Record<string, Ways>> = {
  bsdvm: { freeElsewhere: 'ignored', copyOfSharedMemory: 'unsettled' },
};

/** Returns the ways of a system. */
export function waysOf(system: string): Ways {
  return waysBySystem[system] ?? usual;
}
