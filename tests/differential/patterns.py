"""Regular expressions: some made for a text, so that about half of them match it, and some of anything."""

import re
from random import Random

# Bad ones among them, and what Jackstaff does without.
KNOWN = ["", "a", "^a", "a$", "^abc$", ".*", r"\d+", r"^\d+$", r"\d*[13579]$", "[a-z]+", "(?i)ABC", "(?s)a.b", "(?m)^abc"]
KNOWN += ["foo|bar", "^(foo|bar)$", "(", "[", "*", "a{2", "a{2,1}", "a**", "a{2}{3}", "^*", "(?<n>a)", "(?P<n>a)(?P<n>b)"]
KNOWN += [r"^[^@]+@[^@]+\.com$", r"1\.0", "True|False", r"\S+", r"\s", r"\w+$", "(?x) a b", "(?x) a  # b\n b", "(?x:a b)c"]
KNOWN += ["a|", "|a", r"\bfoo\b", r"-?\d+", r"e\+", "None", "[0-9]{3,}", "(?P<n>a)b", "a{,3}", "a{,}", r"\Aabc", "[]a]"]
KNOWN += ["[^]a]", "a(?=b)", "(?!b)a", "(?<=a)b", r"(a)\1", "(?P<n>a)(?P=n)", "(a)?(?(1)b|c)", "a++", "a*+b", "(?>ab)c"]
KNOWN += ["(?#note)a", "a(?#note)*", r"\101", r"\07", r"\0", r"\8", r"\x61", r"\u0061", r"\U00000061", r"\q", r"[\q]", "[b-a]"]
KNOWN += ["[a&&b]", "[a--b]", "[[:alpha:]]", r"[\b]", r"[\d-z]", "[a-]", r"\Z", r"^a\Z", "(?:)", "(?:a", "a)", "(?i:a)b", "(?-i:a)"]
KNOWN += ["(?a)\\w+$", "(?ai)k", "(?i)k", "(?i)[i-k]", "(?i)ß", "(?i)straße", "(?u)é", "(?L)a", "(?i-s:a.)", "(?s-i:A.)"]
KNOWN += [r"\ufe00", r"\u00g", r"\x4", r"\N{BULLET}", r"\p{L}", "{", "}", "]", "{a}", "a{1,2}?", "a??b", "x{3,5}", "(?P<1>a)"]
KNOWN += [r"(?#a\)b)a", "(?x)a#\\\n$\n|b", "a(?#", "(?x)a#\\"]
KNOWN += [r"\N{LATIN SMALL LETTER A}", "a$\n?", "(?:a$)*b", "$", "^$", "^", r"\b", r"\B", "(?m)a$", "(?m)$", "b$\n", r"b$\s", "[^a]$", r"\<a\>", r"a\ b"]
SIMPLE = [".*", "^x+$", r"\d+$", "[a-z]{3}", "(?i)AB", "x", "^[^c]+c$", "日+", r"-?\d+$", "(?s).*c"]
SHORT = 60

QUANTIFIERS = ["", "", "", "", "*", "+", "?", "*?", "+?", "??", "{1}", "{0,1}", "{1,}", "{,2}", "{1,3}?"]
ATOMS = ["a", "b", "ab", "1", ".", r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", "[a-c]", "[^a]", r"[\d_]", "[a-z0-9.-]", r"\."]
ATOMS += [r"\-", r"\/", "é", "[é]", "日", "(a|b)", "(?:ab)", "(?i:A)", r"\n", r"\t", r"\x41", r"\\", r"\[", "[]]", "[^]]"]
ATOMS += ["[[]", "[a&&b]", "[a~~b]", r"[\b]", r"\060", "{", "}", "]", "{1", r"\@", r"\"", r"\ ", r"\_", r"\é", "(?s:.)"]
ATOMS += [r"[\w-]", "[a-]", "[-a]", r"[a\-z]", r"[\]]", r"[\^a]", r"[\s\S]", r"[^\W_]", " ", "-", "@", "#", "~", "<", ",", "'"]
ATOMS += ["(?:a|)", "(?:|b)", "[^\\d\\s]", "(?m:^a)", "(?#x)c", "\x85", "[\\x1c- ]", "[À-ÿ]"]
UNSUPPORTED = ["(?=)", "(?!~~)", "(?<!~)", "(?:~~)*+", "(~)?+", "(~?)\\1", "(?P<n>~?)(?P=n)", "(~)?(?(1)~|)", "(?>~?)"]
ANCHORS = ["^", "$", r"\b", r"\B", r"\A", r"\Z"]


def pattern(random: Random, text: str) -> str:
    """For this text; anything that may backtrack for long is for short ones alone."""
    if len(text) > SHORT:
        return random.choice(SIMPLE)
    chance = random.random()
    if chance < 0.25:
        return random.choice(KNOWN)
    made = "".join(of_anything(random)) if chance < 0.45 else made_for(random, text)
    return random.choice(["", "", "", "", "", "", "(?i)", "(?s)", "(?m)", "(?a)", "(?x)"]) + made


def of_anything(random: Random) -> list[str]:
    parts = []
    for _ in range(random.choice([1, 1, 2, 2, 3, 4])):
        if random.random() < 0.15:
            parts.append(random.choice(ANCHORS))
        else:
            parts.append(random.choice(ATOMS) + random.choice(QUANTIFIERS))
    return parts


def made_for(random: Random, text: str) -> str:
    """Each character of a beginning of the text, more or less exactly; sometimes spoilt."""
    end = len(text) if random.random() < 0.6 else random.randint(0, len(text))
    parts = [like(random, c) for c in text[:end]]
    if random.random() < 0.4:
        at = random.randint(0, len(parts))
        parts[at:at] = of_anything(random)[:2]
    if random.random() < 0.2:
        at = random.randint(0, len(parts))
        parts = ["(?:" if random.random() < 0.5 else "("] + parts[:at] + ["|"] + parts[at:] + [")"]
    if random.random() < 0.1:
        parts.insert(0, random.choice(UNSUPPORTED))
    if random.random() < 0.3:
        parts.insert(0, "^")
    if text.endswith("\n") and end == len(text) and random.random() < 0.4:
        parts.insert(-1, "$")
    if random.random() < 0.5:
        parts.append(random.choice(["$", "$", r"\Z", r"\b"]))
    return "".join(parts)


def like(random: Random, c: str) -> str:
    chance = random.random()
    if chance < 0.6:
        return re.escape(c)
    if chance < 0.7:
        return "."
    if chance < 0.8:
        return "[" + re.escape(c) + random.choice(["", "-" + re.escape(chr(ord(c) + 2)), "0-9", r"\s", "^"]) + "]"
    if chance < 0.87:
        return re.escape(c) + random.choice(["+", "*", "?", "{1,2}", "+?"])
    if chance < 0.93 or not c.isascii() and chance < 0.97:
        return r"\d" if c.isdecimal() else r"\s" if c.isspace() else r"\w" if c.isalnum() else r"\W"
    point = ord(c)
    return rf"\x{point:02x}" if point < 256 else rf"\u{point:04x}" if point < 65536 else rf"\U{point:08x}"
