"""Two answers to one request, and where they differ. Knows nothing of what may differ."""

from dataclasses import dataclass
from typing import Any

from documents import compare_documents, is_document
from flags import compare_flags, compare_identities, is_flag, is_flags, is_identity, slim
from values import Place, same
from wire import Answer, Request


@dataclass(frozen=True)
class Difference:
    environment: str
    request: Request
    place: str
    """status, content type, body, identifier, traits, order of flags, `flag NAME`, or a path into a document."""
    theirs: Any
    ours: Any


def compare(theirs: Answer, ours: Answer) -> list[Place]:
    """The status first, then the content type, each with the body: where they differ, the rest is not compared."""
    if theirs.status != ours.status:
        return [("status", [theirs.status, slim(theirs.body)], [ours.status, ours.body])]
    if theirs.content_type != ours.content_type:
        return [("content type", [theirs.content_type, theirs.body], [ours.content_type, ours.body])]
    return compare_bodies(slim(theirs.body), ours.body)


def compare_bodies(theirs: Any, ours: Any) -> list[Place]:
    bodies = theirs, ours
    if all(map(is_flag, bodies)):
        return compare_flags([theirs], [ours])
    if all(map(is_flags, bodies)):
        return compare_flags(theirs, ours)
    if all(map(is_identity, bodies)):
        return compare_identities(theirs, ours)
    if all(map(is_document, bodies)):
        return compare_documents(theirs, ours)
    return [] if same(theirs, ours) else [("body", theirs, ours)]
