import { describe, expect, it } from 'vitest';
import { quire, refusal } from '../test/support/quire-command.ts';

const quiz = (...flags: string[]) => quire('quiz', 'paging', ...flags);

describe('quire quiz paging', () => {
  it('sets an exercise without its solution', () => {
    const { out, err, code } = quiz('--exercise', 'belady-anomaly');
    expect([err, code]).toEqual(['', 0]);
    expect(out).toBe(
      [
        "Belady's anomaly: the string of Belady, Nelson and Shedler",
        '',
        '  1 2 3 4 1 2 5 1 2 3 4 5',
        '',
        'A program refers to these pages in this order. Memory is empty at first; a page that is not there is loaded when it is referred to.',
        'How many of the references miss in each of these memories?',
        '',
        '  fifo with 3 frames',
        '  fifo with 4 frames',
        '',
        'fifo  the page that was loaded first goes',
        '',
      ].join('\n'),
    );
  });

  it('solves it step by step, and says why each page goes', () => {
    const { out, code } = quiz('--exercise', 'belady-anomaly', '--frames', '4', '--policy', 'lru', '--answer');
    expect(code).toBe(0);
    expect(out.slice(out.indexOf('lru with 4 frames: '))).toBe(
      [
        'lru with 4 frames: 8 of 12 references miss, 66.7 %',
        '',
        '  reference     1     2     3     4    1    2     5    1    2     3     4     5',
        '  frame 0       1     1     1     1    1    1     1    1    1     1     1     5',
        '  frame 1       .     2     2     2    2    2     2    2    2     2     2     2',
        '  frame 2       .     .     3     3    3    3     5    5    5     5     4     4',
        '  frame 3       .     .     .     4    4    4     4    4    4     3     3     3',
        '             miss  miss  miss  miss  hit  hit  miss  hit  hit  miss  miss  miss',
        '  goes                                            3               4     5     1',
        '',
        '  reference 7 loads 5: 3 goes since all the others were used after its last use',
        '  reference 10 loads 3: 4 goes since all the others were used after its last use',
        '  reference 11 loads 4: 5 goes since all the others were used after its last use',
        '  reference 12 loads 5: 1 goes since all the others were used after its last use',
        '',
      ].join('\n'),
    );
  });

  it('grades answers', () => {
    const right = quiz('--exercise', 'belady-anomaly', '--answer', '9,10');
    expect([right.code, right.out.match(/Your .*/g)]).toEqual([0, ['Your 9 is right.', 'Your 10 is right.']]);
    const wrong = quiz('--exercise', 'belady-anomaly', '--answer', '9,8');
    expect([wrong.code, wrong.out.match(/Your .*/g)]).toEqual([1, ['Your 9 is right.', 'Your 8 is wrong.']]);
  });

  it('gives the same exercise for the same seed, as large as was asked for', () => {
    const ask = (...flags: string[]) => JSON.parse(quiz('--json', ...flags).out);
    expect(ask('--seed', '7')).toEqual(ask('--seed', '7'));
    expect(ask('--seed', '7')).not.toEqual(ask('--seed', '8'));
    const { references, parts } = ask('--policy', 'arc,sieve', '--frames', '2,3', '--length', '30', '--pages', '9');
    expect([references.length, Math.max(...references)]).toEqual([30, 8]);
    expect(parts.map(({ policy, frames }: { policy: string; frames: number }) => `${policy} ${frames}`)).toEqual([
      'arc 2',
      'arc 3',
      'sieve 2',
      'sieve 3',
    ]);
    expect(ask('--exercise', 'textbook')).not.toHaveProperty('parts.0.misses');
    expect(ask('--exercise', 'textbook', '--answer', '15,12,8').parts).toMatchObject([
      { policy: 'fifo', misses: 15, answer: 15, isRight: true },
      { policy: 'lru', misses: 12, isRight: true },
      { policy: 'belady', misses: 9, answer: 8, isRight: false },
    ]);
  });

  it('refuses, in a sentence', () => {
    const refused = (...flags: string[]): string => refusal(quiz(...flags));
    expect(refused('--policy', 'nru')).toMatch(/^--policy nru: 'nru' is none of fifo, second-chance, clock,/);
    expect(refused('--frames', '0')).toBe('--frames 0: not a whole number of at least 1');
    expect(refused('--frames', '33')).toBe('--frames 33: more than 32');
    expect(refused('--length', '201')).toBe('--length 201: more than 200');
    expect(refused('--pages', 'x')).toBe('--pages x: not a whole number of at least 1');
    expect(refused('--frames', '1..32/25')).toBe('more than 24 memories: ask for fewer policies or sizes');
    expect(refused('--exercise', 'textbook', '--length', '5')).toMatch(/^--exercise textbook: it has its own references/);
    expect(refused('--exercise', 'best')).toMatch(/Allowed choices are belady-anomaly, no-anomaly, textbook/);
    expect(refused('--answer', '1,2')).toBe('--answer 1,2: the exercise asks for one number');
    expect(refused('--exercise', 'textbook', '--answer', '1')).toBe('--answer 1: the exercise asks for 3 numbers');
    expect(refused('--answer', 'nine')).toBe('--answer nine: not a whole number of at least 0');
  });
});
