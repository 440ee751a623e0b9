# The work of the CPython benchmark: dictionaries, sorting, JSON, regular expressions and big integers, in equal parts of time, about.
# `mixed.py ROUNDS` prints one checksum per round; the same on every Python 3, at every RAM size.

import json
import re
import sys

KEYS = 6_000
BOOKS = 1_000
LINES = 6_000
DIGITS = 700
STEPS = 1_500

LINE = re.compile(r"(?P<name>[a-z]+)-(?P<number>\d+)(?:\s+(?P<flags>[A-Z]{2,4}))?")


def numbers(seed):
    """Endless pseudo-random numbers below 2^23: the generator of the C standard's example."""
    while True:
        seed = (seed * 1103515245 + 12345) % 2147483648
        yield seed >> 8


def dictionaries(random):
    counts = {}
    for _ in range(4 * KEYS):
        key = next(random) % KEYS
        counts[key] = counts.get(key, 0) + 1
    names = {f"key {key}": count for key, count in counts.items()}
    return sum(names.get(f"key {key}", 7) * key for key in range(KEYS))


def sorting(random):
    records = [(next(random) % 1000, f"{next(random):x}") for _ in range(2 * KEYS)]
    records.sort()
    records.sort(key=lambda record: record[1])
    return sum(index * record[0] for index, record in enumerate(records)) % 1_000_003


def documents(random):
    shelf = [
        {"id": next(random), "tags": [f"tag {next(random) % 50}" for _ in range(5)], "size": next(random) / 64, "old": bool(next(random) & 1)}
        for _ in range(BOOKS)
    ]
    text = json.dumps(shelf, indent=1)
    return len(text) + sum(len(book["tags"]) for book in json.loads(text) if book["old"])


def expressions(random):
    flags = ("", " AB", "  XYZ", " WXYZ")
    lines = "\n".join(f"item-{next(random)}{flags[next(random) % 4]}" for _ in range(LINES))
    found = [match["flags"] or "none" for match in LINE.finditer(lines)]
    return len(re.sub(r"\d{3,}", "#", lines)) + sum(map(len, found))


def integers(random):
    value = next(random) + 2
    while value < 10**DIGITS:
        value = value * value + next(random)
    total = 0
    for step in range(1, STEPS):
        total = (total * value + pow(value, 3, 10**60 + step)) % 10 ** (2 * DIGITS)
    return len(str(value)) + total % 1_000_003


def main(rounds):
    random = numbers(42)
    for number in range(rounds):
        work = dictionaries, sorting, documents, expressions, integers
        print(number, *(part(random) for part in work))


main(int(sys.argv[1]))
