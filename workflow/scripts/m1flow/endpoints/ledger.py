"""The ledger of endpoints' bills: each response is on disk before it is used; all processes of a study share it.

The ledger is a separate journal. Each process writes lines under its own keys (one per account), one line per response,
with the response and the process's sums so far. So only the newest line of each key has to be added up, and a lost line
is made up for by the next one. Under a spending cap, the highest possible cost of requests under way is written before
they are sent. If a process is killed, that amount stays and counts as spent: the endpoint may have billed it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

from m1flow.files.fingerprints import fingerprint
from m1flow.files.journal import Journal
from m1flow.study.settings.endpoints import PriceSettings


class Account(NamedTuple):
    """The account of a response: the endpoint, its purpose (a stage), and a fingerprint of the settings."""

    endpoint: str
    purpose: str
    settings: str


@dataclass(frozen=True)
class Usage:
    """Billed tokens; cached tokens are part of the prompt tokens."""

    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens."""

    prompt: float
    cached_prompt: float
    completion: float

    @classmethod
    def of(cls, settings: PriceSettings) -> Price:
        """The prices of the config's ``price``; without a price of their own, cached tokens cost as much as others."""
        cached = settings.prompt if settings.cached_prompt is None else settings.cached_prompt
        return cls(settings.prompt, cached, settings.completion)

    def cost(self, usage: Usage) -> float:
        """The cost of billed tokens, in US dollars."""
        fresh = usage.prompt_tokens - usage.cached_tokens
        prompt_cost = fresh * self.prompt + usage.cached_tokens * self.cached_prompt
        return (prompt_cost + usage.completion_tokens * self.completion) / 1e6

    def at_most(self, prompt_tokens: int, completion_tokens: int) -> float:
        """The most that these tokens may cost, in US dollars."""
        return (prompt_tokens * max(self.prompt, self.cached_prompt) + completion_tokens * self.completion) / 1e6


@dataclass
class Sums:
    """Sums over responses.

    Attributes:
        responses: number of responses that were billed, or may have been.
        prompt_tokens: billed prompt tokens, cached ones included.
        cached_tokens: billed cached tokens.
        completion_tokens: billed completion tokens.
        cost: US dollars for these tokens; 0 without a price.
        unmetered: number of responses that state no usage or never arrived whole.
        unmetered_cost: the most that unmetered responses may have cost, in US dollars; not part of ``cost``.
    """

    responses: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    unmetered: int = 0
    unmetered_cost: float = 0.0

    def add(self, other: Sums) -> None:
        """Add the figures of other sums."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


@dataclass
class _Book:
    """One process's sums for one account: all responses, the wasted ones, and the cost of requests under way."""

    account: Account
    billed: Sums = field(default_factory=Sums)
    wasted: Sums = field(default_factory=Sums)
    reserved: float = 0.0
    reservations: int = 0

    def record(self, response: Any = None) -> dict[str, Any]:
        sums = {"billed": vars(self.billed), "wasted": vars(self.wasted), "reserved": self.reserved}
        return self.account._asdict() | sums | {"response": response}

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> _Book:
        account = Account(record["endpoint"], record["purpose"], record["settings"])
        return cls(account, Sums(**record["billed"]), Sums(**record["wasted"]), record["reserved"])

    @property
    def committed(self) -> float:
        return self.billed.cost + self.billed.unmetered_cost + self.reserved


class Ledger:
    """The file of all bills. Any number of processes may have it open; threads of one process may share it."""

    def __init__(self, path: Path | str):
        """Open or create the ledger.

        Raises:
            M1FlowError: the path can't be written.
        """
        self._journal = Journal(path)
        self.path = self._journal.path
        self._lock = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._mutex = threading.RLock()
        self._writer = uuid.uuid4().hex
        self._own: dict[Account, _Book] = {}
        self._others: dict[str, _Book] = {}
        self._seen = -1
        self._closed = False

    def enter(
        self,
        account: Account,
        usage: Usage | None,
        cost: float | None,
        *,
        at_most: float = 0.0,
        response_id: str | None = None,
        wasted: str | None = None,
    ) -> None:
        """Record a response that was billed, or may have been.

        Args:
            account: the account of the response.
            usage: the response's tokens; None if it states none.
            cost: US dollars; None without a price or without usage.
            at_most: the most that a response without usage may have cost, in US dollars.
            response_id: the endpoint's id of the response, for comparison with the endpoint's bill.
            wasted: the reason why the response's answer can't be used; None if it is used.
        """
        tokens = (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens) if usage else (0, 0, 0)
        sums = Sums(1, *tokens, cost or 0.0, int(usage is None), at_most if usage is None else 0.0)
        response = {"id": response_id, "tokens": list(tokens) if usage else None, "cost": cost, "wasted": wasted}
        with self._mutex:
            book = self._book(account)
            book.billed.add(sums)
            if wasted is not None:
                book.wasted.add(sums)
            with self._exclusive():
                self._write(book, response)

    def reserve(self, account: Account, amount: float, cap: float) -> bool:
        """Set an amount aside for a request, unless the sum spent and set aside at the endpoint would exceed the cap.

        Call `release` to return the amount once the request is over and its response has been entered.
        """
        with self._mutex, self._exclusive():
            self._look()
            if self._committed(account.endpoint) + amount > cap:
                return False
            book = self._book(account)
            book.reserved += amount
            book.reservations += 1
            self._write(book)
            return True

    def release(self, account: Account, amount: float) -> None:
        """Return an amount that was set aside. The change is written with the next line, or on closing."""
        with self._mutex:
            book = self._book(account)
            book.reservations -= 1
            book.reserved = max(book.reserved - amount, 0.0) if book.reservations else 0.0

    def committed(self, endpoint: str) -> float:
        """US dollars spent at an endpoint, with unmetered responses and requests under way at their highest cost."""
        with self._mutex, self._exclusive():
            self._look()
            return self._committed(endpoint)

    def totals(self) -> dict[str, Any]:
        """The sums: ``all``, ``purposes`` by name, and ``endpoints`` by name.

        Each is a dict of the fields of `Sums`, with two more: ``wasted``, a dict of these fields for responses that
        couldn't be used, and ``in_flight_cost``, the US dollars that requests under way, or those of a killed process,
        may cost.
        """
        books = self._books()
        return {
            "all": _sum(books),
            "purposes": _grouped(books, "purpose"),
            "endpoints": _grouped(books, "endpoint"),
        }

    def close(self) -> None:
        """Write the amounts returned, and close the files; closing twice is harmless."""
        with self._mutex:
            if self._closed:
                return
            self._closed = True
            with self._exclusive():
                for book in self._own.values():
                    record = self._journal.get(self._key(book.account))
                    if record is not None and record["reserved"] != book.reserved:
                        self._write(book)
            self._journal.close()
            os.close(self._lock)

    def __enter__(self) -> Self:
        """Return self, which the end of the ``with`` block closes."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        """A lock between processes. The journal's own lock covers only one line."""
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _book(self, account: Account) -> _Book:
        return self._own.setdefault(account, _Book(account))

    def _books(self) -> list[_Book]:
        with self._mutex, self._exclusive():
            self._look()
            return [*self._own.values(), *self._others.values()]

    def _committed(self, endpoint: str) -> float:
        books = [*self._own.values(), *self._others.values()]
        return sum(book.committed for book in books if book.account.endpoint == endpoint)

    def _key(self, account: Account) -> str:
        return fingerprint([self._writer, *account])

    def _write(self, book: _Book, response: Any = None) -> None:
        unchanged = self._size() == self._seen
        self._journal.append(self._key(book.account), book.record(response))
        if unchanged:  # no other process has written since the last look
            self._seen = self._size()

    def _look(self) -> None:
        """Read what other processes have written since the last look."""
        if self._size() == self._seen:
            return
        own = {self._key(account) for account in self._own}
        for key in self._journal.keys():  # noqa: SIM118 (a journal is no mapping)
            if key not in own:
                record = self._journal.get(key)
                assert record is not None  # the journal has the key
                self._others[key] = _Book.read(record)
        self._seen = self._size()

    def _size(self) -> int:
        return self.path.stat().st_size


def _grouped(books: list[_Book], part: str) -> dict[str, Any]:
    names = sorted({getattr(book.account, part) for book in books})
    return {name: _sum(book for book in books if getattr(book.account, part) == name) for name in names}


def _sum(books: Any) -> dict[str, Any]:
    billed, wasted, in_flight = Sums(), Sums(), 0.0
    for book in books:
        billed.add(book.billed)
        wasted.add(book.wasted)
        in_flight += book.reserved
    return asdict(billed) | {"wasted": asdict(wasted), "in_flight_cost": in_flight}


def ledger_path(journal: str | Path) -> Path:
    """The path of the ledger beside a journal of an endpoint's answers."""
    return Path(journal).with_suffix(".ledger.jsonl")
