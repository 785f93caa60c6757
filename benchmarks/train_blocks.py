"""Learns the weights by which blocks are told to be content or not, and says how good they are on sites never seen.

    python -m benchmarks.train_blocks ../shared/data/wcxb-dev.jsonl.xz [--write]

Reads labelled pages as `extraction` does; needs scikit-learn, which nothing else needs. A block counts as content if
the truth has more than half of its sequences of three words. The report is cross-validated: four parts, no site in two
of them. `--write` learns from all pages and writes `process/extract/weights.py`.
"""

from __future__ import annotations

import argparse
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from benchmarks.extraction import WORD, capture_of, pages_of
from tidemill.process.extract.maintext import least_score
from tidemill.process.extract.page import Page
from tidemill.process.extract.scores import FEATURES, read_features
from tidemill.process.extract.signals import FLAGS

_PARTS = 4
_WEIGHTS = Path(__file__).parent.parent / "src/tidemill/process/extract/weights.py"
_HEADER = '''"""How much each sign speaks for (above zero) or against a block being content; see `scores`.

Learned by `benchmarks/train_blocks.py`, which writes this file; not to be edited by hand.
"""

from __future__ import annotations

'''


@dataclass
class Example:
    page_type: str
    part: int
    rows: Any
    labels: Any
    weights: Any
    bags: list[Counter[str]]
    truth: Counter[str]
    is_article: bool
    prose: float

    def f1(self, chosen: Iterable[bool]) -> float:
        found: Counter[str] = Counter()
        for bag, is_chosen in zip(self.bags, chosen, strict=True):
            if is_chosen:
                found.update(bag)
        sizes = found.total() + self.truth.total()
        return 2 * (found & self.truth).total() / sizes if sizes else 1.0


def example_of(given: dict[str, Any]) -> Example:
    body = given["html"].encode()
    page = Page(capture_of(given, body), body)
    found = page.blocks
    measures, said = page.measures, page.metadata
    flags = [[measures.bits[block.container] >> place & 1 for place in range(len(FLAGS))] for block in found.blocks]
    rows = np.hstack([_matrix(list(read_features(found, measures)), len(FEATURES)), _matrix(flags, len(FLAGS))])
    truth = WORD.findall((given["truth"].get("main_content") or "").lower())
    words = [WORD.findall(block.text.lower()) for block in found.blocks]
    labels = _labels(words, truth)
    counts = np.array([len(one) for one in words], dtype=float)
    # Every page counts about as much as any other, however long it is.
    weights = (labels >= 0) * counts / max(50.0, float(counts[labels > 0].sum() + 0.3 * counts.sum()))
    host = ".".join((urlsplit(given["url"]).hostname or given["id"]).split(".")[-2:])
    prose = measures.all_sentences[0] / max(measures.all_words[0], 1)
    return Example(
        given["page_type"], zlib.crc32(host.encode()) % _PARTS, rows, labels, weights,
        [Counter(one) for one in words], Counter(truth), said.is_article and not said.is_discussion, prose,
    )  # fmt: skip


def _matrix(rows: list[list[float]] | list[list[int]], width: int) -> Any:
    return np.array(rows, dtype=np.float32).reshape(len(rows), width)


def _labels(words: list[list[str]], truth: list[str]) -> Any:
    """1 for content, 0 for what is none, -1 for blocks without words."""
    triples = set(zip(truth, truth[1:], truth[2:], strict=False))
    text = f" {' '.join(truth)} "
    labels = []
    for one in words:
        if len(one) < 4:
            labels.append(int(f" {' '.join(one)} " in text) if one else -1)
        else:
            own = list(zip(one, one[1:], one[2:], strict=False))
            labels.append(int(sum(triple in triples for triple in own) > len(own) / 2))
    return np.array(labels, dtype=int)


def learn(examples: list[Example]) -> tuple[Any, float]:
    """The weights of `FEATURES` and `FLAGS`, and what is added to their sum."""
    rows = np.vstack([one.rows for one in examples])
    labels = np.concatenate([one.labels for one in examples])
    weights = np.concatenate([one.weights for one in examples])
    known = labels >= 0
    scaler = StandardScaler().fit(rows[known])
    model = LogisticRegression(C=0.03, max_iter=500)
    model.fit(scaler.transform(rows[known]), labels[known], sample_weight=weights[known] / weights[known].mean())
    found = model.coef_[0] / scaler.scale_
    return found, float(model.intercept_[0] - (found * scaler.mean_).sum())


def validate(examples: list[Example]) -> None:
    """Prints the word F1 of sites that the weights were not learned from."""
    scores: dict[str, list[float]] = {}
    for part in range(_PARTS):
        weights, bias = learn([one for one in examples if one.part != part])
        for one in examples:
            if one.part == part:
                chosen = one.rows @ weights + bias > least_score(one.prose, is_article=one.is_article)
                value = one.f1(chosen)
                scores.setdefault(one.page_type, []).append(value)
                scores.setdefault("all", []).append(value)
    for name, values in sorted(scores.items()):
        print(f"{name:<16}{len(values):>6}{sum(values) / len(values):>9.4f}")


def write(weights: Any, bias: float) -> None:
    lines = [f'    "{name}": {value:.4f},\n' for name, value in zip((*FEATURES, *FLAGS), weights, strict=True)]
    _WEIGHTS.write_text(
        f"{_HEADER}BIAS = {bias:.4f}\nWEIGHTS = {{\n{''.join(lines)}}}\n", encoding="utf-8", newline="\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--write", action="store_true", help="learn from all pages and write the weights")
    options = parser.parse_args()
    examples = [example_of(page) for page in pages_of(options.data, 1)]
    validate(examples)
    if options.write:
        write(*learn(examples))


if __name__ == "__main__":
    main()
