import { describe, expect, it } from 'vitest';
import { quire, refusal } from '../test/support/quire-command.ts';

const quiz = (...flags: string[]) => quire('quiz', 'heap', ...flags);

describe('quire quiz heap', () => {
  it('sets an exercise without its solution', () => {
    const { out, err, code } = quiz('--exercise', 'knuth');
    expect([err, code]).toEqual(['', 0]);
    expect(out).toBe(
      [
        "Knuth's example of best fit losing: holes of 1300 and 1200",
        '',
        '  1  A = malloc 1000',
        '  2  B = malloc 1100',
        '  3  C = malloc 250',
        '',
        'Free at first (start+bytes): 0+1300 1301+1200',
        'A block takes the low end of its hole, and the rest stays a hole; when it is given back, it joins the holes beside it.',
        'At which address does each block go, and what is free after each step, under each of these?',
        '',
        'first fit  the hole of the lowest address that is large enough',
        'best fit   the smallest hole that is large enough; of equals, that of the lowest address',
        '',
      ].join('\n'),
    );
  });

  it('solves it step by step, with the heap drawn where it is small', () => {
    const { out, code } = quiz('--requests', 'A=16 B=8 -A C=8 D=24', '--heap', '32', '--fit', 'best', '--solve');
    expect(code).toBe(0);
    expect(out.slice(out.indexOf('best fit: '))).toBe(
      [
        'best fit: 4 blocks asked for, 1 without a place',
        '',
        '  step  request        address  the heap  free list afterwards  largest',
        '  1     A = malloc 16  0        AA..      16+16                      16',
        '  2     B = malloc 8   16       AAB.      24+8                        8',
        '  3     free A                  ..B.      0+16 24+8                  16',
        '  4     C = malloc 8   24       ..BC      0+16                       16',
        '  5     D = malloc 24  -        ..BC      0+16                       16',
        '',
        '  step 4: of the holes 0+16 24+8, C takes 24+8',
        '  step 5: no hole is large enough for D',
        '  at the end 16 bytes are free in 1 hole, the largest of 16',
        '',
      ].join('\n'),
    );
  });

  it('grades addresses and free lists step by step', () => {
    const right = quiz('--exercise', 'knuth', '--answer', '0,1301,1000/1301,0,-');
    expect([right.code, right.out.match(/Your .*/g)]).toEqual([0, ['Your 3 answers are all right.', 'Your 3 answers are all right.']]);
    const wrong = quiz(
      '--exercise',
      'knuth',
      '--fit',
      'best',
      '--answer',
      '1301,0,1100',
      '--lists',
      '0+1300 2301+200;1100+200 2301+200; -',
    );
    expect(wrong.code).toBe(1);
    expect(wrong.out).toContain(
      'of your 6 answers are right.\n  step 3: the address is -, not 1100\n  step 3: the free list is 1100+200 2301+200, not -\n',
    );
  });

  it('gives the same exercise for the same seed, and the answers of its solution are right', () => {
    const ask = (...flags: string[]) => JSON.parse(quiz('--json', ...flags).out);
    expect(ask('--seed', '7')).toEqual(ask('--seed', '7'));
    expect(ask('--seed', '7')).not.toEqual(ask('--seed', '8'));
    expect(ask('--seed', '7')).not.toHaveProperty('parts');
    interface Step {
      readonly request: { readonly kind: string };
      readonly address: number | null;
      readonly freeList: readonly { readonly start: number; readonly bytes: number }[];
    }
    const parts: { readonly steps: Step[] }[] = ask('--seed', '7', '--solve').parts;
    const answer = parts.map(({ steps }) =>
      steps
        .filter(({ request }) => request.kind === 'malloc')
        .map(({ address }) => address ?? '-')
        .join(),
    );
    const lists = parts.map(({ steps }) =>
      steps.map(({ freeList }) => freeList.map(({ start, bytes }) => `${start}+${bytes}`).join(' ') || '-').join(';'),
    );
    expect(quiz('--seed', '7', '--answer', answer.join('/'), '--lists', lists.join('/')).code).toBe(0);
    expect(quiz('--seed', '7', '--answer', answer.join('/').replace('0', '8')).code).toBe(1);
    expect(ask('--seed', '7', '--answer', answer.join('/')).parts[0].grades[0]).toEqual({
      step: 1,
      about: 'address',
      answer: '0',
      solution: '0',
      isRight: true,
    });
  });

  it('refuses, in a sentence', () => {
    const refused = (...flags: string[]): string => refusal(quiz(...flags));
    expect(refused('--fit', 'last')).toBe("--fit last: 'last' is none of first, next, best, worst");
    expect(refused('--heap', '8')).toBe('--heap 8: not a whole number of at least 16');
    expect(refused('--header', '65')).toBe('--header 65: more than 64');
    expect(refused('--exercise', 'knuth', '--heap', '64')).toMatch(/^--exercise knuth: it has its own requests and heap/);
    expect(refused('--requests', 'A=1 B')).toBe("--requests: 'B' is neither NAME=BYTES, of at least 1, nor -NAME");
    expect(refused('--requests', 'A=1 A=2')).toBe('--requests: A is asked for while there is one: use another name');
    expect(refused('--requests', '-A')).toBe('--requests: A is given back and there is none');
    expect(refused('--requests', 'A=1', '--length', '3')).toMatch(/--length is for random ones$/);
    expect(refused('--exercise', 'knuth', '--answer', '1,2,3')).toBe(
      '--answer: 2 fits are asked for, so it needs 2 lists with / between, not 1',
    );
    expect(refused('--exercise', 'knuth', '--answer', '1,2/1,2,3')).toBe(
      '--answer: first fit has 3 of them to give, with , between, not 2',
    );
    expect(refused('--exercise', 'knuth', '--fit', 'best', '--answer', '1,2,x')).toBe("--answer: 'x' is neither an address nor -");
    expect(refused('--exercise', 'knuth', '--fit', 'best', '--lists', '1;2;-')).toBe(
      "--lists: '1' is no free list, as in 40+24 104+128, nor -",
    );
  });
});
