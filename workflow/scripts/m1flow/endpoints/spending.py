"""Spending of one run at an endpoint: prices, worst cases, and the spending cap, all entered in the ledger."""

from __future__ import annotations

import logging

from m1flow.endpoints.ledger import Account, Ledger, Price, Usage
from m1flow.study.settings.endpoints import EndpointSettings

log = logging.getLogger(__name__)

_TEMPLATE_TOKENS = 1024
"""Maximum number of tokens that a chat template may add to a prompt, for the worst case."""


class Spending:
    """The account of one run: `reserve` before a request, `enter` its outcome, then `release`."""

    def __init__(self, ledger: Ledger, account: Account, settings: EndpointSettings):
        """Take the ledger and `endpoints.<name>` of the config, for its ``price`` and ``spending_cap``."""
        self._ledger, self._account = ledger, account
        self._price = Price.of(settings.price) if settings.price else None
        self.cap: float | None = settings.spending_cap
        self._dearer = 1.0

    @property
    def spent(self) -> float:
        """US dollars spent or set aside at the endpoint, by all runs."""
        return self._ledger.committed(self._account.endpoint)

    def most_tokens(self, text: str, max_tokens: int) -> tuple[int, int]:
        """Upper bounds of a request's prompt and completion tokens.

        With tokenizers that work on bytes or fall back to them, every token has at least one byte of the text.
        """
        return len(text.encode()) + _TEMPLATE_TOKENS, max_tokens

    def at_most(self, tokens: tuple[int, int]) -> float:
        """The most that a request with these tokens may cost, in US dollars; 0 without a price."""
        return self._dearer * self._price.at_most(*tokens) if self._price else 0.0

    def reserve(self, amount: float) -> bool:
        """Set an amount aside; False if the cap leaves no room for it."""
        return self.cap is None or self._ledger.reserve(self._account, amount, self.cap)

    def release(self, amount: float) -> None:
        """Return an amount that was set aside."""
        if self.cap is not None:
            self._ledger.release(self._account, amount)

    def cost(self, usage: Usage | None) -> float | None:
        """The cost in US dollars; None without a price or without usage."""
        return self._price.cost(usage) if self._price and usage else None

    def enter(self, usage: Usage | None, at_most: float, response_id: str | None, wasted: str | None = None) -> None:
        """Enter a response, used or wasted.

        A response may cost more than its worst case, if the endpoint counts tokens over the limit. Such a response
        raises the worst case of all later ones.
        """
        cost = self.cost(usage)
        self._ledger.enter(self._account, usage, cost, at_most=at_most, response_id=response_id, wasted=wasted)
        if cost is not None and cost > at_most > 0:
            self._dearer *= cost / at_most
            log.warning(
                "endpoint %s: a response cost $%.4f, more than the $%.4f that its limit of tokens allows",
                self._account.endpoint,
                cost,
                at_most,
            )

    def enter_unknown(self, at_most: float, cause: str) -> None:
        """Enter a response that never arrived whole, but may be billed."""
        self._ledger.enter(self._account, None, None, at_most=at_most, wasted=cause)
