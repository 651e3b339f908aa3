"""
What users hold in a `with` block, and get from `current`: the open session, phase, task …

What makes their spans derives from them; here is all that is of use to users, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, Unpack

from droidscope.instrument.outputs import OutputFields
from droidscope.instrument.scores import Score
from droidscope.instrument.user_attributes import Scalar

SessionOutcome = Literal["completed", "failed", "cancelled"]
PhaseOutcome = Literal["completed", "failed", "cancelled", "skipped", "blocked"]
TaskOutcome = Literal["completed", "failed", "cancelled"]
AttemptOutcome = Literal["succeeded", "failed", "cancelled"]


class Opened:
    """
    What is open from the begin to the end of its block; it is made by a decorator or a block, not by itself.
    """

    def __init__(self) -> None:
        kind = type(self).__name__
        msg = f"a {kind} is opened by its function, such as droidscope.session(...), and not made by {kind}()"
        raise TypeError(msg)

    def __dir__(self) -> Iterable[str]:
        own = (kind for kind in type(self).__mro__ if kind.__module__ == __name__)
        return sorted(name for kind in own for name in vars(kind) if not name.startswith("_"))


class Session(Opened):
    """
    One run of a pattern, from request to result.
    """

    @property
    def id(self) -> str:
        """
        The session's id: the given one, else 32 random hex digits.
        """
        raise NotImplementedError

    def outcome(self, outcome: SessionOutcome, *, error_type: str = "") -> None:
        """
        Set how it ended; *error_type* is a short bounded word for a failure.
        """

    def wait(self, reason: str = "") -> None:
        """
        When this block ends, the session waits for a person, and another one of its id will go on with it.

        It is neither running nor ended until then, in whatever process that is.
        """

    def set_attribute(self, key: str, value: Scalar) -> None:
        """
        Set the attribute *key* of the user: text of at most 256 characters, a boolean or a finite number.

        A session has at most 32, with keys of at most 64 characters; what does not fit is logged and dropped.
        """

    def set_attributes(self, attributes: Mapping[str, Scalar]) -> None:
        """
        Set several attributes, as `set_attribute` does each.
        """


class Phase(Opened):
    """
    One phase of a session; it may be blocked for some of its time.
    """

    @property
    def id(self) -> str:
        """
        The phase's id, as given.
        """
        raise NotImplementedError

    def outcome(self, outcome: PhaseOutcome, *, error_type: str = "") -> None:
        """
        Set how it ended; *error_type* is a short bounded word for a failure.
        """

    def skip(self) -> None:
        """
        Set the outcome to skipped.
        """


class Task(Opened):
    """
    A droid's piece of work, over all its attempts.
    """

    @property
    def id(self) -> str:
        """
        The task's id: the given one, else 32 random hex digits.
        """
        raise NotImplementedError

    @property
    def droid(self) -> str:
        """
        The droid's name, as given.
        """
        raise NotImplementedError

    def outcome(self, outcome: TaskOutcome, *, error_type: str = "") -> None:
        """
        Set how it ended; *error_type* is a short bounded word for a failure.
        """

    def output(self, **given: Unpack[OutputFields]) -> None:
        """
        Attach what was produced, as `droidscope.output` does, to this one.
        """

    def retry_later(self) -> None:
        """
        State that this delivery of the task is not its last: a queue will deliver it again.
        """

    def set_attribute(self, key: str, value: Scalar) -> None:
        """
        Set the attribute *key* of the user: text of at most 256 characters, a boolean or a finite number.

        A task has at most 32, with keys of at most 64 characters; what does not fit is logged and dropped.
        """

    def set_attributes(self, attributes: Mapping[str, Scalar]) -> None:
        """
        Set several attributes, as `set_attribute` does each.
        """


class Attempt(Opened):
    """
    One try at the task that it is inside of.
    """

    @property
    def number(self) -> int:
        """
        Which try it is, from 1.
        """
        raise NotImplementedError

    def outcome(self, outcome: AttemptOutcome, *, error_type: str = "") -> None:
        """
        Set how it ended; *error_type* is a short bounded word for a failure.
        """

    def output(self, **given: Unpack[OutputFields]) -> None:
        """
        Attach what was produced, as `droidscope.output` does, to this one.
        """


class Tool(Opened):
    """
    A call of a tool.
    """

    def outcome(self, outcome: AttemptOutcome, *, error_type: str = "") -> None:
        """
        Set how it ended; *error_type* is a short bounded word for a failure.
        """


class ModelCall(Opened):
    """
    A request to a model. Of what it used, the latest that is given stands.
    """

    def outcome(self, outcome: AttemptOutcome, *, error_type: str = "") -> None:
        """
        Set how it ended; *error_type* is a short bounded word for a failure.
        """

    def usage(self, response: object) -> None:
        """
        Take what was used from *response*: a provider's answer, an event of its stream, or their usage.

        Known are those of OpenAI, Anthropic, Google, Bedrock, Cohere, Mistral, Ollama, LiteLLM, LangChain
        and pydantic-ai, as objects and as dictionaries. None is ignored, as streams have it in most events;
        what is not understood is logged once.
        """

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


class Gate(Opened):
    """
    A quality gate. It passes if its body ends without a verdict, and fails by an exception.

    What a decorated gate returns is its verdict if it is True, False or a `Verdict`.
    """

    @property
    def id(self) -> str:
        """
        The gate's id, as given.
        """
        raise NotImplementedError

    def passed(self, score: Score | None = None) -> None:
        """
        Set the verdict to passed, with a score if the gate gives one.
        """

    def failed(self, score: Score | None = None) -> None:
        """
        Set the verdict to failed, with a score if the gate gives one.
        """


class Synthesis(Opened):
    """
    The integration of a session's results.
    """

    def integrated(
        self,
        *,
        conflicts: int | None = None,
        missing_components: int | None = None,
        unresolved: int | None = None,
        gates_passed: bool | None = None,
    ) -> None:
        """
        Report the integration. What is not given is not reported.

        Args:
            conflicts: How many were met, from 0.

            missing_components: How many results were missing, from 0.

            unresolved: How many of the conflicts are left, from 0.

            gates_passed: Whether the gates passed; by default those of the session.
        """


class Query(Opened):
    """
    A question to a droid; it lasts until its answer.
    """

    @property
    def id(self) -> str:
        """
        The message's id: the given one, else 32 random hex digits.
        """
        raise NotImplementedError

    @property
    def correlation_id(self) -> str:
        """
        The correlation id that its answer has, too: the given one, else the query's id.
        """
        raise NotImplementedError

    def unanswered(self) -> None:
        """
        Set the outcome to unanswered.
        """

    def rejected(self) -> None:
        """
        Set the outcome to rejected: refused by the bus, or by the receiver.
        """
