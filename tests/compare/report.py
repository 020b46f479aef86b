"""What is printed in the end."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from comparing import Difference
from differences import KNOWN, classify
from values import MISSING
from wire import shown

NEW = 40
"""New differences that are printed, each kind once."""


@dataclass
class Findings:
    answers: int = 0
    environments: int = 0
    listed: dict[str, list[Difference]] = field(default_factory=lambda: defaultdict(list))
    new: list[Difference] = field(default_factory=list)

    def add(self, difference: Difference) -> None:
        known = classify(difference)
        if known:
            self.listed[known.name].append(difference)
        else:
            self.new.append(difference)

    @property
    def differences(self) -> int:
        return len(self.new) + sum(map(len, self.listed.values()))

    def print(self) -> None:
        print(f"{self.answers} answers compared in {self.environments} environments: {self.differences} differences")
        for known in KNOWN:
            if found := self.listed[known.name]:
                print(f"\nlisted {len(found):6}  {known.name}: {known.reason}")
                print("    for example, " + one(found[0], 160))
        kinds = alike(self.new)
        for found in kinds[:NEW]:
            print(f"\nnew {len(found):6}  " + one(found[0], 800))
        if len(kinds) > NEW:
            print(f"\nand {len(kinds) - NEW} more")
        listed = self.differences - len(self.new)
        print(f"\n{self.answers} answers, {self.differences} differences: {listed} listed, {len(self.new)} new")


def alike(differences: list[Difference]) -> list[list[Difference]]:
    """Those in which both sides say the same, at the same place, are shown once."""
    kinds = defaultdict(list)
    for difference in differences:
        kinds[json.dumps([difference.place, difference.theirs, difference.ours])].append(difference)
    return list(kinds.values())


def said(value: Any, length: int) -> str:
    return "(nothing)" if value == MISSING else shown(value, length)


def one(difference: Difference, length: int) -> str:
    return (
        f"{difference.environment}, {difference.request}\n"
        f"    {difference.place}\n"
        f"        flagsmith  {said(difference.theirs, length)}\n"
        f"        jackstaff  {said(difference.ours, length)}"
    )
