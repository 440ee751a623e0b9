# What `npm start` runs: ordinary Python that needs several times the RAM it is given. Nothing here knows about Quire.
# The output is the same at every RAM size, and without Quire; only the time and the report differ.

import json
import sys

BOOKS = 16_000
LOOKUPS = 2_000
PLOT = "a whale, a storm, a letter, a lost ring, a long night, a train, a false name, a garden, an old debt, a duel, "


def numbers(seed):
    """Endless pseudo-random numbers below 2^31: the generator of the C standard's example."""
    while True:
        seed = (seed * 1103515245 + 12345) % 2147483648
        yield seed >> 8


def make_library(count):
    """Invents books, by title."""
    random = numbers(42)
    plots = PLOT * 4
    library = {}
    for number in range(count):
        draw = next(random)
        library[f"book {number}"] = {
            "author": f"author {draw % 997}",
            "year": 1500 + draw % 525,
            "plot": plots[draw % 100 : draw % 100 + 100 + draw % 200],
        }
    return library


def size_of(library):
    """Bytes of the library: the index, titles, records and what the records hold."""
    size = sys.getsizeof
    parts = sum(size(title) + size(book) + sum(size(value) for value in book.values()) for title, book in library.items())
    return size(library) + parts


def say(what, result):
    print(f"  {what:<41} {result}", flush=True)


print(f"Python {sys.version.split()[0]} keeps a library.", flush=True)

library = make_library(BOOKS)
say(f"{BOOKS:,} books take", f"{size_of(library) / 2**20:.1f} MiB")

oldest = sorted(library, key=lambda title: library[title]["year"])[:3]
say("sorted by year, the first three are", ", ".join(oldest))

authors = {}
for title, book in library.items():
    authors.setdefault(book["author"], []).append(title)
busiest = max(authors, key=lambda author: len(authors[author]))
say("the busiest author is", f"{busiest}, with {len(authors[busiest])} books")

works = {title: library[title] for title in authors[busiest]}
say("their works, as JSON and back, are", "unchanged" if json.loads(json.dumps(works)) == works else "changed")

whales = sum(book["plot"].startswith("a whale") for book in library.values())
say("a whale begins", f"{whales:,} plots")

random = numbers(7)
letters = sum(len(library[f"book {next(random) % BOOKS}"]["plot"]) for _ in range(LOOKUPS))
say(f"{LOOKUPS:,} books opened at random have", f"{letters:,} letters")

say("the last digits of 3 to the 20,000th are", str(3**20_000 % 10**12))
