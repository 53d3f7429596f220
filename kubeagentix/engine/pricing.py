"""What a run cost, from the dated price table of its provider; unknown where that has none for the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from kubeagentix.domain.messages import Usage
from kubeagentix.domain.requests import Price

MILLION = 1_000_000


def priced(usage: Usage, prices: Mapping[str, Price], model: str) -> Usage:
    """`usage` with its cost in US dollars, unless its provider said it itself or there is no price for `model`."""
    price = price_of(prices, model)
    if usage.cost_usd is not None or price is None:
        return usage
    fresh = max(0, usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens)
    written = price.cache_write if price.cache_write is not None else price.input
    cost = (
        fresh * price.input
        + usage.cached_tokens * price.cached
        + usage.cache_write_tokens * written
        + usage.output_tokens * price.output
    )
    return replace(usage, cost_usd=cost / MILLION)


def price_of(prices: Mapping[str, Price], model: str) -> Price | None:
    """The price whose name `model` begins with, the longest such."""
    names = [name for name in prices if model.startswith(name)]
    return prices[max(names, key=len)] if names else None
