"""Settling who is an original and who a duplicate, after documents were written or removed, in the same transaction.

In: the documents that came or changed (entered), and what those that changed or went had been (left). Out: those
standings that are not what the store holds. Called by `processed` and `removal`.

Equal documents are a group; its leader is the best of them by `judge.rank`. Leaders are the nodes of a graph in which
those alike are joined. In the order of their ranks, a node is an original if none of its neighbours is one already,
else a duplicate of the best of these. This is a function of what is stored, not of the order in which it came; only
nodes that a change may touch are judged again. Work is bounded: under one key at most 200 originals are looked at (1000
events). Where more originals than that share a key, the order of arrival may show.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from tidemill.store import judge, keyed, leaders, near
from tidemill.store.graph import Content, Graph
from tidemill.store.judge import ORIGINAL, Member, Rank, Standing
from tidemill.store.leaders import Leaders
from tidemill.store.near import Node
from tidemill.store.tables import documents


@dataclass(frozen=True, slots=True)
class Settled:
    """A document whose standing is to be another one than the store holds (`member.standing`)."""

    member: Member
    standing: Standing


async def settle(
    connection: AsyncConnection,
    entered: Sequence[Node],
    left: Sequence[Member],
    naming: Sequence[Member] = (),
) -> dict[str, Settled]:
    """The new standings by document, when all else of a batch is written; rows of `signatures` are written here.

    `entered` are live documents as they are now, with the standing that the store holds; `left` what documents were
    that have changed, or are not live any more; `naming` what documents are or were that name another page as
    canonical, if that is new or over.
    """
    if not entered and not left:
        return {}
    graph = Graph(connection)
    await graph.know(left)
    await graph.add(entered)
    chosen = await leaders.choose(graph, entered, left, naming)
    judgement = _Judgement(graph, chosen)
    await judgement.hold()
    await keyed.remember(connection, chosen.unwritten)
    unwritten = {node.id for node in chosen.unwritten}
    turned = [node for node in judgement.judged.values() if node.standing.state is not node.member.standing.state]
    await keyed.mark(connection, [node for node in turned if node.id not in unwritten])
    return await _standings(graph, chosen, list(judgement.judged.values()), entered)


@dataclass(slots=True)
class _Judgement:
    """Nodes judged in the order of their ranks; who depends on what was decided is judged after it."""

    graph: Graph
    chosen: Leaders
    judged: dict[str, Node] = field(default_factory=dict)
    _made: list[Node] = field(default_factory=list)
    _heap: list[tuple[Rank, str]] = field(default_factory=list)
    _waiting: set[str] = field(default_factory=set)

    async def hold(self) -> None:
        await self._begin()
        while self._heap:
            _, identifier = heapq.heappop(self._heap)
            node = self.graph.nodes[identifier]
            if not self.graph.has_looked(node):
                waiting = [self.graph.nodes[each] for each in self._waiting]
                await self.graph.look_around([each for each in waiting if not self.graph.has_looked(each)])
            self._waiting.discard(identifier)
            await self._judge(node)
            self.judged[node.id] = node
        await self._draw_duplicates()

    async def _begin(self) -> None:
        graph, chosen = self.graph, self.chosen
        touched = list(chosen.by_content.values())
        await graph.look_around([node for node in touched if not graph.has_looked(node)])
        self._push([*touched, *await self._dependents(chosen.replaced)])

    def _push(self, nodes: Iterable[Node]) -> None:
        for node in nodes:
            if node.id not in self._waiting:
                self._waiting.add(node.id)
                heapq.heappush(self._heap, (self.graph.rank(node), node.id))

    async def _dependents(self, originals: Iterable[str]) -> list[Node]:
        """The leaders that the store holds to be duplicates of these."""
        wanted = sorted(set(originals))
        return await self.graph.load(await keyed.leaders_named_by(self.graph.connection, wanted)) if wanted else []

    async def _judge(self, node: Node) -> None:
        graph = self.graph
        own, was_original = graph.rank(node), node.is_original and node.id not in self.chosen.fresh
        near_by = sorted(graph.neighbours(node), key=lambda pair: graph.rank(pair[0]))
        node.standing = ORIGINAL
        better = {other.id: alike for other, alike in near_by if graph.rank(other) < own}
        original = await graph.first_edited(node, [graph.nodes[each] for each in better])
        if original is not None:
            node.standing = judge.duplicate_of(original.id, better[original.id])
        if node.is_original and not was_original:
            graph.become_original(node)
            self._made.append(node)
            self._push(each for each, _ in near_by if graph.rank(each) > own)
        elif was_original and not node.is_original:
            self._push(each for each in await self._dependents([node.id]) if graph.rank(each) > own)

    async def _draw_duplicates(self) -> None:
        """Duplicates of others name a new original that is better. They stay duplicates: nobody else is touched."""
        graph = self.graph
        drawn = await graph.duplicates_near([node for node in self._made if node.is_original])
        await graph.load(each.standing.duplicate_of for each, _, _ in drawn if each.standing.duplicate_of)
        for node, original, alike in drawn:
            if node.is_original or node.standing.duplicate_of == original.id or graph.rank(original) > graph.rank(node):
                continue
            present = graph.nodes.get(node.standing.duplicate_of or "")
            is_better = present is None or graph.rank(original) < graph.rank(present)
            if is_better and await graph.first_edited(node, [original]):
                node.standing = judge.duplicate_of(original.id, alike)
                self.judged[node.id] = node


async def _standings(
    graph: Graph, chosen: Leaders, judged: Sequence[Node], entered: Sequence[Node]
) -> dict[str, Settled]:
    """What all of this means for the documents: leaders, and those equal to them."""
    settled = {node.id: Settled(node.member, node.standing) for node in judged}
    following: dict[Content, Node] = {}
    for node in judged:
        content = graph.content(node.member)
        is_new = node.id in chosen.fresh or node.standing != node.member.standing
        is_alone = content in chosen.by_content and content not in chosen.crowded
        if is_new and not is_alone:
            following[content] = node
    members = [node.member for node in entered] + await _members(graph, following)
    leading = chosen.by_content | following
    for member in members:
        leader = leading[graph.content(member)]
        if member.id != leader.id:
            settled[member.id] = Settled(member, judge.follows(leader.id, leader.standing))
    return {each: found for each, found in settled.items() if found.standing != found.member.standing}


async def _members(graph: Graph, following: Mapping[Content, Node]) -> list[Member]:
    """All live documents of these contents, as the store holds them."""
    if not following:
        return []
    hashes = sorted({content_hash for _, content_hash in following})
    members = await near.members(graph.connection, documents.c.content_hash.in_(hashes))
    await graph.know(members)
    return [each for each in members if graph.content(each) in following]
