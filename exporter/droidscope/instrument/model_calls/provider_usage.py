"""
What a call of a model used, read from the answers of providers and frameworks without their packages.

Objects and dictionaries are read alike. Only counts and names are looked at, never what was asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_ITERABLE_COROUTINE
from typing import Final


@dataclass(frozen=True)
class ModelUsage:
    """
    Tokens and cost of one call; None is not known. Cached tokens are part of *input_tokens*.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cost_usd: float | None = None
    response_model: str | None = None


@dataclass(frozen=True)
class _Shape:
    """
    Where one kind of usage has its counts: paths of keys, and which of them stands first where several do.

    *input* and *output* are sums. *excludes_cached* says that the input comes without what the cache has.
    """

    input: tuple[str, ...]
    output: tuple[str, ...]
    cache_read: tuple[str, ...] = ()
    cache_write: tuple[str, ...] = ()
    excludes_cached: bool = False


_OPENAI_CHAT: Final = _Shape(
    input=("prompt_tokens",),
    output=("completion_tokens",),
    cache_read=("prompt_tokens_details.cached_tokens", "cache_read_input_tokens", "prompt_cache_hit_tokens"),
    cache_write=("prompt_tokens_details.cache_write_tokens", "cache_creation_input_tokens"),
)
_ANTHROPIC: Final = _Shape(
    input=("input_tokens",),
    output=("output_tokens",),
    cache_read=("cache_read_input_tokens",),
    cache_write=("cache_creation_input_tokens",),
    excludes_cached=True,
)
_BEDROCK: Final = _Shape(
    input=("inputTokens",),
    output=("outputTokens",),
    cache_read=("cacheReadInputTokens",),
    cache_write=("cacheWriteInputTokens",),
    excludes_cached=True,
)
_GEMINI: Final = _Shape(
    input=("prompt_token_count", "tool_use_prompt_token_count"),
    output=("candidates_token_count", "thoughts_token_count"),
    cache_read=("cached_content_token_count",),
)
_GEMINI_JSON: Final = _Shape(
    input=("promptTokenCount", "toolUsePromptTokenCount"),
    output=("candidatesTokenCount", "thoughtsTokenCount"),
    cache_read=("cachedContentTokenCount",),
)
_COHERE: Final = _Shape(
    input=("tokens.input_tokens",), output=("tokens.output_tokens",), cache_read=("cached_tokens",)
)
_COHERE_BILLED: Final = _Shape(input=("billed_units.input_tokens",), output=("billed_units.output_tokens",))
_OLLAMA: Final = _Shape(input=("prompt_eval_count",), output=("eval_count",))
_ITEMISED: Final = _Shape(  # OpenAI's responses, LangChain, pydantic-ai
    input=("input_tokens",),
    output=("output_tokens",),
    cache_read=("input_tokens_details.cached_tokens", "input_token_details.cache_read", "cache_read_tokens"),
    cache_write=(
        "input_tokens_details.cache_write_tokens",
        "input_token_details.cache_creation",
        "cache_write_tokens",
    ),
)
_SHAPES: Final = (_OPENAI_CHAT, _BEDROCK, _GEMINI, _GEMINI_JSON, _COHERE, _COHERE_BILLED, _OLLAMA)

_USAGES: Final = (
    "usage_metadata",
    "usageMetadata",
    "usage",
    "message.usage",
    "response.usage",
    "metadata.usage",
    "meta",
    "response_metadata.token_usage",
    "response_metadata.usage",
    "llm_output.token_usage",
    "context_wrapper.usage",
    "raw.usage",
    "raw.usage_metadata",
)
"""
Where answers, and the events of streams, have their usage.
"""
_MODELS: Final = (
    "model",
    "model_name",
    "model_version",
    "modelVersion",
    "message.model",
    "response.model",
    "response_metadata.model_name",
    "response_metadata.model",
    "llm_output.model_name",
    "raw.model",
)
_COSTS: Final = ("cost", "cost_usd")
_ASYNCHRONOUS: Final = CO_COROUTINE | CO_ITERABLE_COROUTINE | CO_ASYNC_GENERATOR


_FIRST_KEYS: Final = tuple(
    dict.fromkeys(
        path.partition(".")[0]
        for path in (
            *_USAGES,
            *(each for shape in (*_SHAPES, _ITEMISED) for each in shape.input + shape.output),
        )
    )
)


def may_have_usage(item: object) -> bool:
    """
    Whether `usage_of` may find something in *item*: quick, for what a stream consists of.
    """
    return not isinstance(item, str | bytes) and any(_item(item, key) is not None for key in _FIRST_KEYS)


def usage_of(answer: object) -> ModelUsage | None:
    """
    What *answer* says was used: a provider's response or event, its usage, or a framework's message.

    None where it says nothing that is understood.
    """
    for usage in _usages_in(answer):
        counts = _counts(usage)
        if counts is not None:
            model = next(filter(None, (_text(_at(answer, path)) for path in _MODELS)), None)
            cost = next((c for c in (_cost(_at(usage, path)) for path in _COSTS) if c is not None), None)
            return ModelUsage(*counts, cost_usd=cost, response_model=model)
    return None


def _usages_in(answer: object) -> Iterator[object]:
    for path in _USAGES:
        found = _at(answer, path)
        if found is not None:
            yield found
    yield answer


_Counts = tuple[int | None, int | None, int | None, int | None]


def _counts(usage: object) -> _Counts | None:
    """
    Input, output, read from and written to the cache; None where *usage* has no shape that is known.
    """
    for shape in _shapes_of(usage):
        read, write = _first(usage, shape.cache_read), _first(usage, shape.cache_write)
        given, output = _sum(usage, shape.input), _sum(usage, shape.output)
        if given is None and output is None:
            continue
        cached = (read or 0) + (write or 0)
        # Some compatible servers leave out what is cached, though the API that they follow has it.
        if given is not None and (shape.excludes_cached or cached > given):
            given += cached
        return given, output, read, write
    return None


def _shapes_of(usage: object) -> Iterator[_Shape]:
    yield from _SHAPES
    is_anthropic = any(
        _at(usage, path) is not None for path in (*_ANTHROPIC.cache_read, *_ANTHROPIC.cache_write)
    )
    yield _ANTHROPIC if is_anthropic else _ITEMISED


def _sum(usage: object, paths: tuple[str, ...]) -> int | None:
    counts = [count for count in (_count(_at(usage, path)) for path in paths) if count is not None]
    return sum(counts) if counts else None


def _first(usage: object, paths: tuple[str, ...]) -> int | None:
    return next((count for count in (_count(_at(usage, path)) for path in paths) if count is not None), None)


def _at(value: object, path: str) -> object:
    for key in path.split("."):
        value = _item(value, key)
        if value is None:
            return None
    return value


def _item(value: object, key: str) -> object:
    if isinstance(value, str | bytes | int | float | list | tuple):
        return None
    if isinstance(value, dict | Mapping):
        return value.get(key)
    try:
        found: object = getattr(value, key, None)
        # What was a method in earlier versions of pydantic-ai; nothing else that is called is wanted.
        return found() if key == "usage" and callable(found) and _is_plain_method(found) else found
    except Exception:  # noqa: BLE001 - it is the user's object, and was only looked at
        return None


def _is_plain_method(found: object) -> bool:
    code = getattr(getattr(found, "__func__", None), "__code__", None)
    return code is not None and code.co_argcount == 1 and not code.co_flags & _ASYNCHRONOUS


def _count(value: object) -> int | None:
    """
    *value* as a count; a few providers send counts as floating-point numbers.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value >= 0 and value == value // 1 else None


def _cost(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    cost = float(value)
    return cost if 0 <= cost < float("inf") else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
