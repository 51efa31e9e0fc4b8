"""An exact join of similar texts: every pair whose ``rapidfuzz.fuzz.ratio`` reaches a threshold, and no other.

``ratio(a, b) >= t`` means that at most ``D = (1 - t / 100) (|a| + |b|)`` characters are inserted or deleted between a
and b. Two bounds follow, and only pairs within both are compared:

* the lengths differ by at most D;
* one insertion or deletion changes the bag of a text's q-grams by at most ``2q - 1`` members, so the two bags differ in
  at most ``(2q - 1) D`` (Ukkonen 1992, for indels). A member is a q-gram and its number (the first "th", the second
  "th", ...); hashing members to the bits of a signature can only bring bags closer, so the number of differing bits is
  within that bound too, and it can be counted for 100 million pairs a second.

Both bounds hold for every similar pair, so the result is the same as from comparing all pairs.
"""

from __future__ import annotations

import itertools
import logging
import multiprocessing
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from rapidfuzz import fuzz, process

from m1flow.study.settings.pool import EXACT

log = logging.getLogger(__name__)

ALONE_BELOW = 50_000_000
"""With fewer pairs than this within the length bound, a second process isn't worth starting."""

TILE_ROWS, TILE_COLUMNS = 32, 4096
"""Size of a tile of pairs compared together: 1 MB for one word of their signatures, which fits a core's cache."""

TASK_ROWS = 512
VERIFIED_TOGETHER = 200_000
SIGNED_TOGETHER = 1 << 21
"""Number of signature bits made together, so that their data fits the cache."""

SLACK = 1e-6


class Pairs(NamedTuple):
    """Similar pairs in columns: positions in both lists, and the ratio (0-100)."""

    left: np.ndarray
    right: np.ndarray
    score: np.ndarray


@dataclass(frozen=True)
class Level:
    """The signature of texts up to ``longest`` characters: ``q``-grams hashed to ``bits`` bits.

    Every choice is lossless. These values let through fewer than one in a thousand pairs of unrelated medical questions
    of similar length.
    """

    longest: float
    q: int
    bits: int


LEVELS = (
    Level(100, 1, 128),
    Level(150, 1, 256),
    Level(210, 2, 256),
    Level(400, 2, 512),
    Level(600, 2, 1024),
    Level(1100, 3, 2048),
    Level(2200, 3, 4096),
    Level(float("inf"), 3, 8192),
)


def similar_pairs(left: Sequence[str], right: Sequence[str], threshold: float, processes: int = 1) -> Pairs:
    """All pairs (i, j) with ``fuzz.ratio(left[i], right[j]) >= threshold``; empty texts match nothing.

    Args:
        left: texts.
        right: texts; pass the same object as ``left`` for the pairs i < j of one list.
        threshold: 0-100; 100 asks for equality and costs no comparisons.
        processes: the maximum number of processes. The result doesn't depend on it.

    Returns:
        The pairs, sorted by i, then j. Memory grows only with the result, so pass distinct texts if many are equal.
    """
    if threshold >= EXACT:
        return _sorted_pairs(_equal_pairs(left, right))
    join = _Join(left, right, threshold)
    tasks = range(0, len(join.rows.order), TASK_ROWS)
    within = join.pairs_within_lengths()
    log.info("%d of %d pairs are close in length", within, len(left) * len(right))
    if processes <= 1 or within < ALONE_BELOW:
        return _sorted_pairs(map(join.similar, tasks))
    # Spawned, not forked: this process may hold locks of threads that a fork would copy and never release.
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="m1flow-") as folder:
        arguments = (left, None if left is right else right, threshold, Path(folder))
        with ProcessPoolExecutor(processes, context, _start_worker, arguments) as pool:
            for _ in pool.map(_sign_piece, join.pieces()):
                pass
            return _sorted_pairs(pool.map(_similar, tasks))


_worker_join: _Join


def _start_worker(left: Sequence[str], right: Sequence[str] | None, threshold: float, folder: Path) -> None:
    global _worker_join
    _worker_join = _Join(left, left if right is None else right, threshold, folder)


def _sign_piece(piece: tuple[str, Level, int, int]) -> None:
    _worker_join.sign(*piece)


def _similar(start: int) -> Pairs:
    return _worker_join.similar(start)


class _Sorted:
    """Texts in the order of their lengths, without empty ones, with their signatures, which are made when first needed.

    With ``files`` (the beginning of the paths of signature files), processes make signatures together and share memory.
    """

    def __init__(self, texts: Sequence[str], band: float, files: Path | None = None):
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        order = np.argsort(lengths, kind="stable")
        self.order = order[lengths[order] > 0]
        self.lengths = lengths[self.order]
        self.texts = [texts[i] for i in self.order]
        self._band = band
        self._files = files
        self._signatures: dict[Level, np.ndarray] = {}

    def place(self, length: float, side: Literal["left", "right"] = "left") -> int:
        """The place where texts of this length begin, or, with side "right", end."""
        return int(np.searchsorted(self.lengths, length, side))

    def span(self, level: Level) -> tuple[int, int]:
        """The range of texts that may be compared with those of the level."""
        below = max((other.longest for other in LEVELS if other.longest < level.longest), default=0)
        return self.place(below * self._band - 1), self.place(level.longest / self._band + 1, "right")

    def signatures(self, level: Level, low: int, high: int) -> np.ndarray:
        """Signatures (words x texts, uint64) of the texts low to high, which lie in the level's span."""
        start, stop = self.span(level)
        if level not in self._signatures:
            if self._files:
                self._signatures[level] = self._file(level, stop - start, "r")
            else:
                self._signatures[level] = _sign(self.texts[start:stop], level)
        return self._signatures[level][:, low - start : high - start]

    def sign(self, level: Level, low: int, high: int) -> None:
        """Write the signatures of the texts low to high."""
        start, stop = self.span(level)
        file = self._file(level, stop - start, "r+")
        file[:, low - start : high - start] = _sign(self.texts[low:high], level)
        file.flush()

    def _file(self, level: Level, number: int, mode: Literal["r", "r+"]) -> np.memmap:
        assert self._files is not None  # files are written only by processes that share memory
        path = self._files.with_name(f"{self._files.name}-{level.q}-{level.bits}")
        if mode != "r":
            with path.open("ab") as file:
                file.truncate(level.bits // 8 * number)
        return np.memmap(path, dtype=np.uint64, mode=mode, shape=(level.bits // 64, number))


class _Join:
    """Two lists being joined, in pieces of TASK_ROWS rows that don't depend on each other."""

    def __init__(self, left: Sequence[str], right: Sequence[str], threshold: float, files: Path | None = None):
        self.same = left is right
        self.threshold = threshold
        self.allowed = 1 - threshold / EXACT
        self.band = max(threshold / (2 * EXACT - threshold), 1e-3)  # |a| - |b| <= D  <=>  |b| >= band |a|
        self.rows = _Sorted(left, self.band, files and files / "left")
        self.columns = self.rows if self.same else _Sorted(right, self.band, files and files / "right")

    def pairs_within_lengths(self) -> int:
        low = np.searchsorted(self.columns.lengths, self.rows.lengths * self.band - SLACK)
        high = np.searchsorted(self.columns.lengths, self.rows.lengths / self.band + SLACK, "right")
        return int((high - low).sum()) // (2 if self.same else 1)

    def pieces(self) -> Iterator[tuple[str, Level, int, int]]:
        """Arguments for `sign`, of about SIGNED_TOGETHER bits each."""
        for side in ("rows",) if self.same else ("rows", "columns"):
            for level in LEVELS:
                start, stop = getattr(self, side).span(level)
                step = SIGNED_TOGETHER // level.bits
                yield from ((side, level, low, min(low + step, stop)) for low in range(start, stop, step))

    def sign(self, side: str, level: Level, low: int, high: int) -> None:
        """Write the signatures of rows (or columns) ``low`` to ``high``."""
        getattr(self, side).sign(level, low, high)

    def similar(self, task: int) -> Pairs:
        """The similar pairs among the TASK_ROWS rows that start at row ``task``."""
        found = []
        waiting: list[tuple[np.ndarray, np.ndarray]] = []
        count = 0
        for near in self._near(task, min(task + TASK_ROWS, len(self.rows.order))):
            waiting.append(near)
            count += len(near[0])
            if count >= VERIFIED_TOGETHER:
                found.append(self._verified(waiting))
                waiting, count = [], 0
        found.append(self._verified(waiting))
        return Pairs(*(np.concatenate(column) for column in zip(*found, strict=True)))

    def _near(self, first: int, last: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The pairs within both bounds, as indices into the sorted lists."""
        stop = first
        while (start := stop) < last:
            shortest = self.rows.lengths[start]
            level = next(level for level in LEVELS if shortest <= level.longest)
            stop = min(start + TILE_ROWS, last, self.rows.place(level.longest, "right"))
            longest = self.rows.lengths[stop - 1]
            low = self.columns.place(shortest * self.band - SLACK)
            low = max(low, start) if self.same else low
            high = self.columns.place(longest / self.band + SLACK, "right")
            if low >= high:
                continue
            rows = self.rows.signatures(level, start, stop)
            columns = self.columns.signatures(level, low, high)
            # The longest row's bound serves all rows of the tile: lengths in a tile hardly differ.
            edits = np.floor(self.allowed * (longest + self.columns.lengths[low:high]) + SLACK)
            most = np.minimum((2 * level.q - 1) * edits, level.bits - 1).astype(np.uint16)
            for left in range(0, high - low, TILE_COLUMNS):
                tile = slice(left, left + TILE_COLUMNS)
                near = np.flatnonzero(_bits_apart(rows, columns[:, tile]) <= most[tile])
                if not len(near):
                    continue
                row, column = np.divmod(near, min(TILE_COLUMNS, high - low - left))
                row, column = row + start, column + low + left
                if self.same:
                    later = column > row  # each unordered pair once
                    row, column = row[later], column[later]
                yield row, column

    def _verified(self, near: list[tuple[np.ndarray, np.ndarray]]) -> Pairs:
        rows = np.concatenate([row for row, _ in near] or [np.empty(0, np.int64)])
        columns = np.concatenate([column for _, column in near] or [np.empty(0, np.int64)])
        scores = process.cpdist(
            [self.rows.texts[i] for i in rows.tolist()],
            [self.columns.texts[j] for j in columns.tolist()],
            scorer=fuzz.ratio,
            score_cutoff=max(0.0, self.threshold - SLACK),
            dtype=np.float64,
        )
        similar = scores >= self.threshold
        left, right = self.rows.order[rows[similar]], self.columns.order[columns[similar]]
        if self.same:
            left, right = np.minimum(left, right), np.maximum(left, right)
        return Pairs(left, right, scores[similar])


def _bits_apart(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The number of differing bits of signatures, rows x columns. 256 wraps to 0, which adds one pair to verify."""
    apart = np.zeros((rows.shape[1], columns.shape[1]), np.uint8 if len(rows) <= 4 else np.uint16)
    different = np.empty(apart.shape, np.uint64)
    counts = np.empty(apart.shape, np.uint8)
    for word, column in zip(rows, columns, strict=True):
        np.bitwise_xor(word[:, None], column[None, :], out=different)
        np.bitwise_count(different, out=counts)
        apart += counts
    return apart


def _sign(texts: Sequence[str], level: Level) -> np.ndarray:
    """Signatures (words x texts, uint64): bit h is set if a member of the text's bag of q-grams hashes to h."""
    signatures = np.empty((level.bits // 64, len(texts)), np.uint64)
    step = SIGNED_TOGETHER // level.bits
    for start in range(0, len(texts), step):
        owner, member = _bags(texts[start : start + step], level.q)
        bits = np.zeros((min(step, len(texts) - start), level.bits), bool)
        bits[owner, _mixed(member) % np.uint64(level.bits)] = True
        signatures[:, start : start + step] = np.packbits(bits, axis=1).view(np.uint64).T
    return signatures


def _bags(texts: Sequence[str], q: int) -> tuple[np.ndarray, np.ndarray]:
    """The members of all texts' bags of q-grams: for each, the text and a number for the q-gram and its occurrence."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    owner = np.repeat(np.arange(len(texts), dtype=np.uint64), np.fromiter(map(len, texts), np.int64, len(texts)))
    count = max(0, len(codes) - q + 1)
    gram = np.zeros(count, np.uint64)
    for shift in range(q):
        gram = _mixed(gram + codes[shift : shift + count])
    whole = owner[:count] == owner[len(owner) - count :]  # no q-grams across the border of two texts
    low = np.uint64(32)
    members = np.sort(owner[:count][whole] << low | gram[whole] >> low)
    place = np.arange(len(members), dtype=np.uint64)
    first = np.ones(len(members), bool)
    first[1:] = members[1:] != members[:-1]
    number = place - np.maximum.accumulate(np.where(first, place, 0))
    return (members >> low).astype(np.int64), (members << low) + number


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """The numbers (uint64) scattered by the finaliser of splitmix64."""
    numbers = (numbers ^ numbers >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ numbers >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return numbers ^ numbers >> np.uint64(31)


def _equal_pairs(left: Sequence[str], right: Sequence[str]) -> Iterator[Pairs]:
    places: dict[str, list[int]] = defaultdict(list)
    for j, text in enumerate(right):
        if text:
            places[text].append(j)
    if left is right:
        pairs = [pair for equal in places.values() for pair in itertools.combinations(equal, 2)]
    else:
        pairs = [(i, j) for i, text in enumerate(left) for j in places.get(text, ())]
    columns = np.array(pairs, np.int64).reshape(-1, 2)
    yield Pairs(columns[:, 0], columns[:, 1], np.full(len(columns), float(EXACT)))


def _sorted_pairs(parts: Iterable[Pairs]) -> Pairs:
    columns = list(zip(*parts, strict=True))
    if not columns:
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    left, right, score = map(np.concatenate, columns)
    order = np.lexsort((right, left))
    return Pairs(left[order], right[order], score[order])
