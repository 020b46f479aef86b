"""Values on borders of typing, and how they are written."""

import json
from random import Random
from typing import Any

WHOLE = ["0", "1", "7", "02", "007", "-0", "-1", "00", "100", "-5", "9007199254740993", "9223372036854775807"]
WHOLE += ["9223372036854775808", "-9223372036854775809", "12345678901234567890123", "0" * 25 + "12", "7" * 400]
DECIMAL = ["1.0", "1.5", "1.50", "-1.5", "-0.0", "0.1", "0.30000000000000004", "99.99", "100.0", "9007199254740992.0"]
DECIMAL += ["0." + "3" * 400, "1" * 320 + ".5"]
# What only looks like a number, or is one for a cast alone.
NEARLY = ["1.", ".5", "+3", " 2", "2 ", "1e3", "1E+5", "1e400", "1e-400", "1_000", "1__0", "_1", "1_0.5_0e1_0", "0x10"]
NEARLY += ["NaN", "nan", "-nan", "inf", "-inf", "Infinity", "iNf", "1,5", "1 2", "1\n", "\t1", "--1", "1-", "1.e1", "+-1"]
NEARLY += ["\u00a01", "\u2003 7\u2003", "\x1c7", "\x1c\u0667", "\x857", "\u200b7", "\ufeff1", "1\u00a0"]
DIGITS = ["٣", "１８", "１８.５", "1٣", "-１", "١٢_٣", "०.५", "𝟜𝟚", "½", "²", "Ⅷ", "三"]
WORDS = ["true", "True", "TRUE", "false", "False", "FALSE", "None", "null", "", " ", "a", "b", "abc", "ABC", "xabcx"]
WORDS += ["foo", "foobar", "bar", "u1", "user-1@example.com", "a,b", "[foo", "[foo,bar]", "1|0", "STATIC", "a\nb", "b\n"]
WORDS += ["\n", "\u0000", "it's", 'say "x"', "back\\slash", "a.b", "{a}", "line\nabc\n", "[1]", "nan", "['a']", "['a']"]
WIDE = ["é", "tamaño", "Straße", "日本", "😀", "\uffee", "a\u0301", "ſ", "\u212a", "İ", "ǅ", "ﬁ", "कि", "a\u200db", "x²", "a‿b"]
SOUND_VERSIONS = ["1.2.3", "1.2.4", "1.10.0", "0.0.0", "1.2.3-rc.1", "1.2.3-rc.2", "1.2.3-rc.10", "1.2.3+b", "1.2.3+zz.01"]
SOUND_VERSIONS += ["1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0--", "1.0.0-0", "1.0.0-1a", "99999999999999999999.1.0"]
SOUND_VERSIONS += ["1.2.3-99999999999999999999"]
VERSIONS = SOUND_VERSIONS + ["v1.2.3", "1.2", "1.2.3.4", "01.2.3", "1.0.0-01", "1.2.3-", "1.2.3+", " 1.0.0"]
VERSIONS += ["1.2.3\n", "1.0.0-é", "1.0.0-a..b"]
HUGE = ["x" * 3000, "ab" * 700 + "c", "日" * 800, "9" * 5000, "-" + "1" * 5000]
TEXTS = [WHOLE, DECIMAL, NEARLY, DIGITS, WORDS, WORDS, WIDE, VERSIONS, VERSIONS]

INTEGERS = [0, 1, -1, 2, 3, 7, 10, 42, 100, -3, 2**31, 2**53, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1]
INTEGERS += [2**64, 10**25, -(10**25), 10**400]
FLOATS = [0.0, -0.0, 1.0, 1.5, -2.5, 0.1, 0.30000000000000004, 1e15, 1e16, 1e21, 1e22, 1e-4, 1e-5, 123456789.125, 1e308]
FLOATS += [5e-324, 9007199254740992.0, 9.5, 35.0, 34.2, -3.5, 99.99, 50.0, 33.3]


def value(random: Random) -> Any:
    """What a trait or a flag may be."""
    chance = random.random()
    if chance < 0.5:
        return text(random)
    if chance < 0.7:
        return random.choice(INTEGERS) if random.random() < 0.6 else random.randint(-100, 200)
    if chance < 0.83:
        return random.choice(FLOATS)
    return random.random() < 0.5 if chance < 0.95 else None


def text(random: Random) -> str:
    if random.random() < 0.01:
        return random.choice(HUGE)
    return random.choice(random.choice(TEXTS))


def spelled(random: Random, of: Any) -> str:
    """A value as a condition may write it: mostly so that it is read back."""
    if isinstance(of, bool):
        return random.choice(["true", "True", "1", "yes"] if of else ["false", "False"])
    if isinstance(of, int):
        plain = str(of)
        digits = plain.removeprefix("-")
        sign = plain[: -len(digits)]
        arabic = sign + "".join(chr(0x660 + int(digit)) for digit in digits)
        grouped = sign + "_".join(digits)
        return random.choice([plain] * 6 + [f" {plain}\n", f"{sign}00{digits}", f"\u2003{plain}", arabic, grouped])
    if isinstance(of, float):
        plain = repr(of)
        return random.choice([plain] * 5 + [f" {plain}", plain + "0", f"{of:e}", plain.removesuffix(".0"), f"{of:.17g}"])
    return of if isinstance(of, str) else json.dumps(of)


def near(random: Random, of: Any) -> str:
    """Something that differs a little, or in its type."""
    if isinstance(of, bool):
        return spelled(random, not of)
    if isinstance(of, int):
        return spelled(random, of + random.choice([-1, 1, 1, 10]))
    if isinstance(of, float):
        return spelled(random, of + random.choice([-1.0, 1e-9, 0.5, abs(of) / 2**52]))
    if isinstance(of, str) and of:
        at = random.randrange(len(of))
        return random.choice([of[:at], of[at:], of + "x", of.swapcase(), of[:at] + "~" + of[at + 1 :], f"{of} "])
    return text(random)
