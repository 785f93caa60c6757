"""Who leads each group of equal documents after a change: the best of them, found without reading the whole group.

In: documents that entered or left. Out: the leaders of all groups that were touched. Called by `duplicates`. Only the
leader has rows in `leaders` and `signatures`, so that ten thousand equal pages cost what one costs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tidemill.store import keyed, near
from tidemill.store.buckets import content_key
from tidemill.store.graph import Content, Graph
from tidemill.store.judge import Member
from tidemill.store.near import Node


@dataclass(slots=True)
class Leaders:
    """The leaders of the groups that were touched.

    `unwritten` have no rows yet; `fresh` must be looked at anew by their neighbours, even if their standing stays;
    `replaced` are documents that may not be originals any more for those that name them; `crowded` are groups that may
    have more members than the leader and those that entered.
    """

    by_content: dict[Content, Node] = field(default_factory=dict)
    unwritten: list[Node] = field(default_factory=list)
    fresh: set[str] = field(default_factory=set)
    replaced: set[str] = field(default_factory=set)
    crowded: set[Content] = field(default_factory=set)


async def choose(graph: Graph, entered: Sequence[Node], left: Sequence[Member], naming: Sequence[Member]) -> Leaders:
    """The leaders of all groups that these touch. Rows of those that lead no more are gone when this returns."""
    members = [*(node.member for node in entered), *left]
    stored = await keyed.leaders_among(graph.connection, sorted({each.id for each in members}))
    contents = {each.id: graph.content(each) for each in left}
    signatures = {contents[each]: signature for each, signature in stored.items() if each in contents}
    renamed = await _renamed(graph, naming)
    touched = {graph.content(each) for each in members} | renamed
    standing = await _standing(graph, touched, entered, gone=contents.keys() & stored.keys())
    best, shared = await _best(graph, [each for each in touched if each not in standing or each in renamed])
    chosen = Leaders(replaced=set(contents), crowded=standing.keys() | shared)
    outgoing = set(contents.keys() & stored.keys())
    coming = _by_content(graph, entered)
    for content in sorted(touched):
        led = standing.get(content)
        others = best.get(content, []) if led is None or content in renamed else [led]
        contenders = [*coming.get(content, ()), *others]
        if not contenders:
            continue
        leader = chosen.by_content[content] = min(contenders, key=graph.rank)
        before = stored.get(led.id, led.signature) if led else signatures.get(content, b"")
        signature = next((node.signature for node in coming.get(content, ()) if node.signature), before)
        if content in renamed or leader is not led or signature != before:
            chosen.fresh.add(leader.id)
            chosen.replaced |= {led.id} if led else set()
        if leader is not led or signature != before:
            chosen.unwritten.append(leader)
            outgoing |= {led.id} if led else set()
        graph.sign(leader, signature)
    await keyed.forget(graph.connection, outgoing)
    leading = {node.id for node in chosen.by_content.values()}
    beaten = {node.id for nodes in (*coming.values(), *best.values()) for node in nodes}
    graph.followers = (outgoing | beaten) - leading
    return chosen


def _by_content(graph: Graph, nodes: Iterable[Node]) -> dict[Content, list[Node]]:
    found: dict[Content, list[Node]] = {}
    for node in nodes:
        found.setdefault(graph.content(node.member), []).append(node)
    return found


async def _standing(
    graph: Graph, contents: Collection[Content], entered: Sequence[Node], gone: Collection[str]
) -> dict[Content, Node]:
    """The leaders that are written down for these contents, and still are of them. Looks around for `entered`, too."""
    keys = {content_key(content_hash) for _, content_hash in contents}
    found = await graph.look_around(entered, also=keys)
    keyed = {each for key in keys for each in found.get(key, ())} - set(gone)
    leaders = {graph.content(node.member): node for node in await graph.load(sorted(keyed))}
    return {content: node for content, node in leaders.items() if content in contents}


async def _best(graph: Graph, contents: Sequence[Content]) -> tuple[Mapping[Content, list[Node]], set[Content]]:
    """The best documents of each of these contents, one of each source, and which contents have several."""
    if not contents:
        return {}, set()
    best, several = await near.best_of(graph.connection, sorted({content_hash for _, content_hash in contents}))
    found = _by_content(graph, await graph.load(best.values()))
    return {content: found[content] for content in contents if content in found}, {
        content for content in contents if content[1] in several
    }


async def _renamed(graph: Graph, naming: Sequence[Member]) -> set[Content]:
    """The contents of those whose merit may have changed, because others name them as canonical now or no more."""
    urls = sorted({url for each in naming if (url := each.names())})
    spoken_of = await near.members_at(graph.connection, urls) if urls else []
    await graph.know(spoken_of)
    return {graph.content(each) for each in spoken_of}
