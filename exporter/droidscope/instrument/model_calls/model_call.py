"""
A call of a model: its span, with what it used.
"""

from __future__ import annotations

from typing import Final

from opentelemetry.trace import SpanKind

from droidscope.conventions import attributes as names
from droidscope.conventions.attributes import Kind, Outcome
from droidscope.instrument import handles
from droidscope.instrument.checks.values import real, refuse, text, whole
from droidscope.instrument.instrumented_span import Description, Values, WithOutcome
from droidscope.instrument.model_calls.provider_usage import ModelUsage, may_have_usage, usage_of
from droidscope.instrument.never_raise import never_raise, warn_once

_NAMES: Final = (
    ("input_tokens", names.INPUT_TOKENS),
    ("output_tokens", names.OUTPUT_TOKENS),
    ("cache_read_tokens", names.CACHE_READ_TOKENS),
    ("cache_write_tokens", names.CACHE_WRITE_TOKENS),
    ("cost_usd", names.COST_USD),
)
_CACHED: Final = (names.CACHE_READ_TOKENS, names.CACHE_WRITE_TOKENS)


class ModelCallSpan(WithOutcome, handles.ModelCall):
    """
    A request to a model. Of each count, what was given last stands.
    """

    kind = Kind.MODEL_REQUEST.value
    label = "_model"
    span_kind = SpanKind.CLIENT
    outcome_name = names.MODEL_OUTCOME
    takes_result = True
    takes_items = True
    outcomes = (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED)

    def __init__(self, model: str, provider: str | None = None) -> None:
        self._model = model
        self._provider = provider
        self._given: dict[str, float] = {}
        self._is_stated = False
        self._has_yielded = False

    @never_raise
    def usage(self, response: object) -> None:
        """
        Take what was used from *response*: a provider's answer, an event of its stream, or their usage.

        Known are those of OpenAI, Anthropic, Google, Bedrock, Cohere, Mistral, Ollama, LiteLLM, LangChain
        and pydantic-ai, as objects and as dictionaries. None is ignored, as streams have it in most events;
        what is not understood is logged once.
        """
        if response is None or self._is_over("usage()"):
            return
        self._is_stated = True
        found = usage_of(response)
        if found is None:
            kind = type(response).__qualname__
            warn_once(f"usage:{kind}", "no usage is found in a %s; give it with used(input_tokens=...)", kind)
        else:
            self._use(found, from_response=True)

    def used(
        self,
        *,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        cache_read_tokens: int | None = None,
        cache_write_tokens: int | None = None,
        cost_usd: float | None = None,
        response_model: str | None = None,
    ) -> None:
        """
        State what was used, and which model answered.

        Args:
            input_tokens: Tokens sent, those read from and written to the cache included.

            output_tokens: Tokens of the answer, those of reasoning included.

            cache_read_tokens: Of the input, what came from the cache.

            cache_write_tokens: Of the input, what was written to the cache.

            cost_usd: What it cost, in US dollars.

            response_model: The model that answered, where it is not the one that was asked.
        """
        if self._is_over("used()"):
            return
        self._is_stated = True
        self._use(
            ModelUsage(
                input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_usd, response_model
            )
        )

    @never_raise
    def returned(self, result: object) -> None:
        """
        A response that is returned is taken as such, unless the usage was given before.
        """
        if not self.recording or self._given:
            return
        found = usage_of(result)
        if found is not None:
            self._use(found, from_response=True)
        elif self._has_yielded and not self._is_stated:
            warn_once(
                "usage:yielded",
                "no usage is found in what a call of %s has yielded; give it within the generator with "
                "droidscope.current(droidscope.ModelCall).used(input_tokens=...)",
                self._model,
            )
        elif hasattr(type(result), "__next__") or hasattr(type(result), "__anext__"):
            kind = type(result).__qualname__
            warn_once(
                f"usage:stream:{kind}",
                "a call of %s has ended with a stream, a %s, before its usage was known: yield what it has "
                "within the decorated function",
                self._model,
                kind,
            )

    @never_raise
    def yielded(self, item: object) -> None:
        """
        An event of a stream that has usage is taken as such, unless the usage is stated.

        Of a tuple each part may be one, as frameworks have it.
        """
        self._has_yielded = True
        if self._is_stated or not self.recording:
            return
        for part in item if isinstance(item, tuple) else (item,):
            found = usage_of(part) if may_have_usage(part) else None
            if found is not None:
                self._use(found, from_response=True)

    @never_raise
    def _use(self, usage: ModelUsage, *, from_response: bool = False) -> None:
        if self.emitter is None or not self.recording or self.ended:
            return
        amounts: dict[str, float] = {}
        for key, name in _NAMES:
            given = getattr(usage, key)
            # Of a stream's events each may have some of the counts, and zero for the rest.
            if given is None or (from_response and not given and name in self._given):
                continue
            check = real if name == names.COST_USD else whole
            amount = check(f"used({key})", given)
            if amount is not None:
                amounts[name] = amount
        if not from_response:
            self._drop_excess(amounts)
        self._given.update(amounts)
        self.span.set_attributes(amounts)
        model = text("used(response_model)", usage.response_model)
        if model is not None:
            self.span.set_attribute(names.RESPONSE_MODEL, model)

    def _drop_excess(self, amounts: dict[str, float]) -> None:
        """
        Drop of *amounts* what would be more from and to the cache than there is of input, which includes it.
        """
        known = {**self._given, **amounts}
        total, cached = known.get(names.INPUT_TOKENS), sum(known.get(name, 0) for name in _CACHED)
        if total is None or cached <= total:
            return
        given = tuple(name for name in _CACHED if name in amounts)
        for name in given or (names.INPUT_TOKENS,):
            del amounts[name]
        if given:
            refuse("used(cache_read_tokens, cache_write_tokens)", cached, f"at most the input, {total}")
        else:
            refuse("used(input_tokens)", total, f"at least what the cache has of it, {cached}")

    def _describe(self) -> Description:
        model = str(self._model)
        values: Values = {names.OPERATION: "chat", names.REQUEST_MODEL: model}
        if self._provider:
            values[names.PROVIDER_NAME] = str(self._provider)
        return f"chat {model}", {}, values
