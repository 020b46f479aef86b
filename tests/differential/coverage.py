"""What the contexts came to. A check whose conditions never match, or whose overrides never decide, would compare nothing."""

from collections import Counter
from dataclasses import dataclass, field

from oracle import Trace

COMPARISONS = ["EQUAL", "NOT_EQUAL", "GREATER_THAN", "GREATER_THAN_INCLUSIVE", "LESS_THAN", "LESS_THAN_INCLUSIVE"]
OPERATORS = COMPARISONS + ["CONTAINS", "NOT_CONTAINS", "REGEX", "PERCENTAGE_SPLIT", "MODULO", "IS_SET", "IS_NOT_SET", "IN"]
OUTCOMES = ["STATIC", "DEFAULT", "TARGETING_MATCH", "SPLIT", "ERROR", "variant", "control", "variant without key"]


@dataclass
class Coverage:
    conditions: Counter[tuple[str, str, bool]] = field(default_factory=Counter)
    """How often (operator, kind of value, verdict)."""
    outcomes: Counter[str] = field(default_factory=Counter)
    segments: int = 0
    matched: int = 0
    flags: int = 0

    def record(self, trace: Trace) -> None:
        self.conditions.update(trace.conditions)
        if trace.result is None:
            return
        self.segments += trace.segments
        self.matched += len(trace.result["segments"])
        for flag in trace.result["flags"].values():
            self.flags += 1
            reason = flag["reason"].split(";")[0]
            self.outcomes[reason] += 1
            if flag["variant"] == "control":
                self.outcomes["control"] += 1
            elif reason == "SPLIT":
                self.outcomes["variant without key" if flag["variant"] is None else "variant"] += 1

    def add(self, other: "Coverage") -> None:
        self.conditions.update(other.conditions)
        self.outcomes.update(other.outcomes)
        self.segments += other.segments
        self.matched += other.matched
        self.flags += other.flags

    def print(self) -> None:
        print(f"{self.matched / max(1, self.segments):.0%} of {self.segments} segments matched")
        shares = ", ".join(f"{name} {self.outcomes[name] / max(1, self.flags):.0%}" for name in OUTCOMES)
        print(f"{self.flags} flags: {shares}")
        print(f"{sum(self.conditions.values())} conditions decided; of each operator, matched:")
        for operator in OPERATORS:
            kinds = sorted({kind for name, kind, _ in self.conditions if name == operator})
            print(f"  {operator:22} " + "  ".join(f"{kind} {self.share(operator, kind)}" for kind in kinds))

    def share(self, operator: str, kind: str) -> str:
        yes, no = (self.conditions[operator, kind, verdict] for verdict in (True, False))
        return f"{yes / max(1, yes + no):.0%} of {yes + no}"

    def lacking(self) -> list[str]:
        """What has to occur, and never did."""
        lacking = [outcome for outcome in OUTCOMES if not self.outcomes[outcome]]
        kinds = {operator: POSSIBLE.get(operator, ["str", "int", "float"]) for operator in OPERATORS}
        for operator, matching in kinds.items():
            for kind in matching:
                lacking += [
                    f"{operator} {'matching' if verdict else 'not matching'} a {kind}"
                    for verdict in verdicts(operator)
                    if not self.conditions[operator, kind, verdict]
                ]
        if self.matched < 0.25 * self.segments:
            lacking.append("a quarter of the segments matching")
        return lacking


# Of which kinds of values an operator can come to both verdicts, where they are others than texts and numbers.
POSSIBLE = {name: ["bool", "int", "float", "str", "version"] for name in COMPARISONS}
POSSIBLE |= {"CONTAINS": ["str"], "NOT_CONTAINS": ["str"], "IN": ["str", "int"], "MODULO": ["bool", "int", "float"]}
POSSIBLE |= {"IS_SET": ["str", "int"], "IS_NOT_SET": ["absent"]}


def verdicts(operator: str) -> list[bool]:
    return {"IS_SET": [True], "IS_NOT_SET": [True]}.get(operator, [True, False])
