"""
A call of a model: its span, with what it used.
"""

from __future__ import annotations

from typing import Final

from opentelemetry.trace import SpanKind

from droidscope.conventions import attributes as names
from droidscope.conventions.attributes import Kind, Outcome
from droidscope.instrument import handles
from droidscope.instrument.checks.values import real, whole
from droidscope.instrument.emission.texts import clean_text
from droidscope.instrument.instrumented_span import Description, Values, WithOutcome
from droidscope.instrument.model_calls.provider_usage import ModelUsage, usage_of
from droidscope.instrument.never_raise import never_raise, warn_once

_NAMES: Final = (
    ("input_tokens", names.INPUT_TOKENS),
    ("output_tokens", names.OUTPUT_TOKENS),
    ("cache_read_tokens", names.CACHE_READ_TOKENS),
    ("cache_write_tokens", names.CACHE_WRITE_TOKENS),
    ("cost_usd", names.COST_USD),
)


class ModelCallSpan(WithOutcome, handles.ModelCall):
    """
    A request to a model. Of each count, what was given last stands.
    """

    kind = Kind.MODEL_REQUEST.value
    label = "_model"
    span_kind = SpanKind.CLIENT
    outcome_name = names.MODEL_OUTCOME
    takes_result = True
    outcomes = (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.CANCELLED)

    def __init__(self, model: str, provider: str | None = None) -> None:
        self._model = model
        self._provider = provider
        self._given: set[str] = set()

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
        found = usage_of(result) if self.recording and not self._given else None
        if found is not None:
            self._use(found, from_response=True)

    @never_raise
    def _use(self, usage: ModelUsage, *, from_response: bool = False) -> None:
        if self.emitter is None or not self.recording or self.ended:
            return
        for key, name in _NAMES:
            given = getattr(usage, key)
            # Of a stream's events each may have some of the counts, and zero for the rest.
            if given is None or (from_response and not given and name in self._given):
                continue
            check = real if name == names.COST_USD else whole
            amount = check(f"used({key})", given)
            if amount is not None:
                self._given.add(name)
                self.span.set_attribute(name, amount)
        if usage.response_model:
            self.span.set_attribute(names.RESPONSE_MODEL, clean_text(str(usage.response_model)))

    def _describe(self) -> Description:
        model = str(self._model)
        values: Values = {names.OPERATION: "chat", names.REQUEST_MODEL: model}
        if self._provider:
            values[names.PROVIDER_NAME] = str(self._provider)
        return f"chat {model}", {}, values
