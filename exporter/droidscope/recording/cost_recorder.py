"""
What the droids' work spends: tokens by direction, and their cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from droidscope.conventions import metrics as m
from droidscope.facts.facts import SessionCost
from droidscope.model.records import Place, Usage
from droidscope.recording.metric_writer import MetricWriter
from droidscope.sessions.settings import Price
from droidscope.units import NANO

TOKENS_PRICED: Final = 1_000_000
"""
Tokens for which a price is given.
"""
_DIRECTIONS: Final = ("input", "output", "cache_read", "cache_write")


class CostRecorder:
    """
    Counts usages; *prices* by model serve where the source gave no cost.
    """

    def __init__(self, writer: MetricWriter, prices: Mapping[str, Price]) -> None:
        self._writer = writer
        self._prices = prices

    def spend(self, place: Place, end_ns: int, usages: Iterable[Usage]) -> None:
        """
        Count what was spent by what ended at *end_ns*.
        """
        for usage in usages:
            self._count_tokens(place, usage)
            self._count_cost(place, end_ns, usage)

    def _count_tokens(self, place: Place, usage: Usage) -> None:
        for direction in _DIRECTIONS:
            tokens = getattr(usage, direction)
            if tokens:
                labels = (place.droid, usage.model, direction)
                self._writer.count(m.TOKENS, place.orchestrator, labels, amount=tokens)

    def _count_cost(self, place: Place, end_ns: int, usage: Usage) -> None:
        orchestrator, cost_usd = place.orchestrator, self._cost_usd(usage)
        if cost_usd is None:
            tokens = usage.input + usage.output + usage.cache_read + usage.cache_write
            self._writer.count(m.UNPRICED_TOKENS, orchestrator, (usage.model,), amount=tokens)
        else:
            labels = (place.pattern, place.droid, usage.model)
            self._writer.count(m.COST, orchestrator, labels, amount=float(cost_usd))
            key = SessionCost(pattern=place.pattern)
            self._writer.add_fact(orchestrator, end_ns, key, round(cost_usd * NANO))

    def _cost_usd(self, usage: Usage) -> float | None:
        """
        The cost the source gave, else by the price of its model; None without either.
        """
        price = self._prices.get(usage.model)
        if usage.cost_usd is not None or price is None:
            return usage.cost_usd
        cost = usage.input * price.input + usage.output * price.output
        cost += usage.cache_read * price.cache_read + usage.cache_write * price.cache_write
        return cost / TOKENS_PRICED
