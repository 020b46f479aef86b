"""Whether a hundred patterns in wide use match a thousand texts as Python's `re` matches them. Prints, for each kind, how
many patterns and matches were compared; every difference is printed, and makes the exit code 1."""

import argparse
import json
import re
import subprocess
import sys
import unicodedata
from random import Random

from patterns import PATTERNS

TEXTS = 1_000
# Texts that are evaluated together.
AT_ONCE = 150
# The version of Unicode whose characters Jackstaff's publisher knows.
NEWEST_UNICODE = "16.0.0"
# Characters of five scripts and some that are rare: marks, numbers that are no digits, other spaces, other cases.
STRANGE = list("aZ09_-.@ éßÅŠ Жя λΣς 日山ー ァ 한 ع हि ²Ⅷ٣४ \u0301\u200d\u00a0\u3000\u2028\x1c\n ſİıK😀")


def texts(examples: list[str]) -> list[str]:
    """The examples; and changed ones, joined ones and others, the same in each run."""
    random = Random(13)
    made = list(dict.fromkeys(examples))
    while len(made) < TEXTS:
        text = list(random.choice(examples))
        for _ in range(random.randint(1, 3)):
            at = random.randint(0, len(text))
            change = random.random()
            if change < 0.4:
                text.insert(at, random.choice(STRANGE))
            elif change < 0.6:
                text[at : at + 1] = []
            elif change < 0.8:
                text[at:] = random.choice(examples)
            elif change < 0.9:
                text = list("".join(text).swapcase())
            else:
                text = text * 2
        text = "".join(text)[:200]
        if text not in made:
            made.append(text)
    return made


def context(patterns: list[str], texts: list[str]) -> dict:
    """Each pattern on each text: a segment for every pair, named by their places."""

    def segment(place: int, pattern: str, trait: int) -> dict:
        condition = {"operator": "REGEX", "property": f"text {trait}", "value": pattern}
        return {"key": "s", "name": f"{place} {trait}", "rules": [{"type": "ALL", "conditions": [condition]}]}

    pairs = [segment(place, pattern, trait) for place, pattern in enumerate(patterns) for trait in range(len(texts))]
    traits = {f"text {trait}": text for trait, text in enumerate(texts)}
    return {
        "environment": {"key": "e", "name": "e"},
        "features": {},
        "segments": {pair["name"]: pair for pair in pairs},
        "identity": {"identifier": "i", "key": "i", "traits": traits},
    }


def matched(jackstaff: str, patterns: list[str], texts: list[str]) -> list[set[str]]:
    """For each text, the patterns that match it."""
    parts = [texts[start : start + AT_ONCE] for start in range(0, len(texts), AT_ONCE)]
    lines = "".join(json.dumps(context(patterns, part)) + "\n" for part in parts)
    command = [jackstaff, "evaluate"]
    output = subprocess.run(command, input=lines, stdout=subprocess.PIPE, text=True, check=True).stdout
    found: list[set[str]] = []
    for part, line in zip(parts, output.splitlines(), strict=True):
        pairs = [segment["name"].split() for segment in json.loads(line)["segments"]]
        of_part: list[set[str]] = [set() for _ in part]
        for place, trait in pairs:
            of_part[int(trait)].add(patterns[int(place)])
        found += of_part
    return found


def characters() -> list[str]:
    """The characters that are assigned; of ideographs and syllables, which are all alike, one of sixteen."""
    is_known = unicodedata.unidata_version.split(".") <= NEWEST_UNICODE.split(".")
    # A newer Python may have characters that Jackstaff does not know yet.
    database = unicodedata if is_known else unicodedata.ucd_3_2_0
    points = [point for point in range(0x110000) if database.category(chr(point)) not in ("Cn", "Cs")]
    return [chr(point) for point in points if not (0x3400 <= point < 0xD7A4 or point >= 0x17000) or point % 16 == 0]


def compare(jackstaff: str, patterns: list[str], texts: list[str]) -> tuple[dict[str, int], list[str]]:
    """How many texts each pattern matches in Python, and every difference."""
    compiled = {pattern: re.compile(pattern) for pattern in patterns}
    matches = dict.fromkeys(patterns, 0)
    faults = []
    for text, found in zip(texts, matched(jackstaff, patterns, texts), strict=True):
        for pattern in patterns:
            expected = compiled[pattern].match(text) is not None
            matches[pattern] += expected
            if (pattern in found) != expected:
                faults.append(f"{pattern} on {text!r}: in Python {expected}")
    return matches, faults


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--jackstaff", help="the program; without it, patterns and texts are printed as JSON")
    jackstaff = arguments.parse_args().jackstaff

    examples = [text for kind in PATTERNS.values() for texts in kind.values() for text in texts]
    patterns = [pattern for kind in PATTERNS.values() for pattern in kind]
    assert len(patterns) == 100, len(patterns)
    if not jackstaff:
        print(json.dumps({"patterns": patterns, "texts": texts(examples)}))
        return 0
    matches, faults = compare(jackstaff, patterns, texts(examples))
    faults += [f"{pattern}: no text matches it" for pattern, count in matches.items() if count == 0]
    for kind, of_kind in PATTERNS.items():
        print(f"{kind}: {len(of_kind)} patterns, {sum(matches[p] for p in of_kind)} matches in {TEXTS} texts")

    alone = characters()
    behind = ["a" + c for c in alone]
    classes, of_characters = compare(jackstaff, [r"^\w$", r"^\d$", r"^\s$"], alone)
    boundaries, of_boundaries = compare(jackstaff, [r"^a\b"], behind)
    print(f"{len(alone)} characters: {classes | boundaries}")
    faults += of_characters + of_boundaries
    print("\n".join(faults[:50]))
    print(f"{len(faults)} differences")
    return 1 if faults else 0


sys.exit(main())
