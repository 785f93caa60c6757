"""What one settlement has read of the graph of alike documents: nodes, their merits, and who may be alike to whom.

In: identifiers and nodes. Out: nodes, ranks, likenesses. Called by `leaders` and `duplicates`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.store import judge, keyed, near
from tidemill.store.alike import likeness
from tidemill.store.buckets import Key
from tidemill.store.judge import Member, Rank
from tidemill.store.near import Comparison, Node
from tidemill.store.templates import Wording, is_template, wording

Content: TypeAlias = tuple[str, str]
"""The pool and the content hash that equal documents share."""
_MOST_WORDINGS = 512


@dataclass(slots=True)
class Graph:
    """The part of the graph that a settlement has to do with, as the store holds it but for what is judged already."""

    connection: AsyncConnection
    nodes: dict[str, Node] = field(default_factory=dict)
    followers: set[str] = field(default_factory=set)
    """Documents that lead no group, though they may be found as if they did."""
    _comparisons: dict[str, Comparison] = field(default_factory=dict)
    _named: dict[str, bool] = field(default_factory=dict)
    _beside: dict[str, set[str]] = field(default_factory=dict)
    _made: dict[Key, list[str]] = field(default_factory=dict)
    _wordings: OrderedDict[str, Wording] = field(default_factory=OrderedDict)

    def content(self, member: Member) -> Content:
        """The group that a document belongs to."""
        return self._comparisons[member.source_id].pool, member.content_hash

    def rank(self, node: Node) -> Rank:
        """Its place in the order of merit."""
        return judge.rank(node.member, (node.member.url,) if self._named[node.member.url] else ())

    async def know(self, members: Iterable[Member]) -> None:
        """Learn what the sources of these documents say of duplicates."""
        if missing := {each.source_id for each in members} - self._comparisons.keys():
            self._comparisons.update(await near.comparisons(self.connection, sorted(missing)))

    async def add(self, nodes: Sequence[Node]) -> None:
        """Take up nodes that were not seen before, with what their ranks need."""
        await self.know(node.member for node in nodes)
        urls = {node.member.url for node in nodes} - self._named.keys()
        if urls:
            named = await near.named(self.connection, urls)
            self._named.update({url: url in named for url in urls})
        for node in nodes:
            self.nodes.setdefault(node.id, node)

    async def load(self, identifiers: Iterable[str]) -> list[Node]:
        """The live ones of these documents as nodes; each document is one node for the whole settlement."""
        wanted = list(dict.fromkeys(identifiers))
        if missing := [each for each in wanted if each not in self.nodes]:
            await self.add(await near.load(self.connection, missing))
        return [self.nodes[each] for each in wanted if each in self.nodes]

    async def look_around(self, nodes: Collection[Node], also: Collection[Key] = ()) -> Mapping[Key, Sequence[str]]:
        """Find the originals that may be alike to these nodes; returns whatever leads under the keys in `also`."""
        found = await keyed.by_keys(self.connection, (*also, *self._wants(nodes)), also)
        beside = {node.id: self._numbers(node, found) for node in nodes}
        leading = {key: {each.number for each in found.get(key, ())} for key in also}
        named = await self._load_numbers(set().union(*beside.values(), *leading.values()))
        self._beside.update({each: {named[n] for n in numbers} for each, numbers in beside.items()})
        return {key: [named[n] for n in sorted(numbers)] for key, numbers in leading.items()}

    async def duplicates_near(self, nodes: Collection[Node]) -> list[tuple[Node, Node, float]]:
        """The duplicates that look alike to one of these nodes: each with that node and its similarity."""
        found = await keyed.by_keys(self.connection, (), self._wants(nodes))
        beside = [(node, self._numbers(node, found)) for node in nodes]
        named = await self._load_numbers(set().union(*(numbers for _, numbers in beside)))
        return [
            (other, node, similarity)
            for node, numbers in beside
            for other in self._leaders({named[number] for number in numbers})
            if (similarity := self._likeness(other, node)) is not None
        ]

    def _wants(self, nodes: Iterable[Node]) -> list[Key]:
        """The keys under which these look for others, if their sources want to know of any."""
        return [
            key
            for node in nodes
            if self._comparisons[node.member.source_id].threshold is not None
            for key in node.wants()
        ]

    def _numbers(self, node: Node, found: Mapping[Key, Sequence[keyed.Found]]) -> set[int]:
        """The leaders found that may be alike to a node, as far as their sketches tell."""
        threshold = self._comparisons[node.member.source_id].threshold
        if threshold is None:
            return set()
        may_be_alike = node.sieve(threshold)
        return {other.number for key in node.wants() for other in found.get(key, ()) if may_be_alike(other.sketch)}

    async def _load_numbers(self, numbers: Collection[int]) -> dict[int, str]:
        named = await keyed.documents_of(self.connection, numbers) if numbers else {}
        await self.load(sorted(named.values()))
        return named

    def _leaders(self, identifiers: Collection[str]) -> list[Node]:
        return [self.nodes[each] for each in sorted(identifiers) if each in self.nodes and each not in self.followers]

    def sign(self, node: Node, signature: bytes) -> None:
        """Give a leader the signature of its group."""
        if node.signature != signature:
            node.signature, node.keys, node.sketched = signature, (), b""
            self._beside.pop(node.id, None)

    def has_looked(self, node: Node) -> bool:
        """Whether `look_around` was asked for this node."""
        return node.id in self._beside

    def become_original(self, node: Node) -> None:
        """From now on those judged after it must find it."""
        for key in node.near_keys():
            self._made.setdefault(key, []).append(node.id)

    def neighbours(self, node: Node) -> list[tuple[Node, float]]:
        """The originals that look alike, with their similarity; two pages of one template still are among them."""
        beside = self._beside[node.id] | {other for key in node.wants() for other in self._made.get(key, ())}
        return [
            (other, similarity)
            for other in self._leaders(beside)
            if other.is_original and (similarity := self._likeness(node, other)) is not None
        ]

    def _likeness(self, one: Node, other: Node) -> float | None:
        if one is other:
            return None
        return likeness(one, other, self._comparisons[one.member.source_id], self._comparisons[other.member.source_id])

    async def first_edited(self, node: Node, others: Sequence[Node]) -> Node | None:
        """The first of others that look alike which is the same text edited, and not the same template filled in."""
        if node.event or not others:
            return others[0] if others else None
        await self._read([node, *others])
        own = self._wordings[node.id]
        found = next((other for other in others if not is_template(own, self._wordings[other.id])), None)
        while len(self._wordings) > _MOST_WORDINGS:
            self._wordings.popitem(last=False)
        return found

    async def _read(self, nodes: Sequence[Node]) -> None:
        unread = [node for node in nodes if node.id not in self._wordings]
        missing = [node.id for node in unread if node.text is None]
        texts = await near.texts(self.connection, missing) if missing else {}
        for node in unread:
            self._wordings[node.id] = wording(node.title, texts[node.id] if node.text is None else node.text)
        for node in nodes:
            self._wordings.move_to_end(node.id)
