"""
Calls of models, and what they used, as each provider says it.
"""

import asyncio
from contextlib import suppress
from types import SimpleNamespace

import pytest
from opentelemetry.trace import SpanKind, StatusCode

import droidscope as ds
from droidscope.conventions import attributes as names

COUNTS = (
    names.INPUT_TOKENS,
    names.OUTPUT_TOKENS,
    names.CACHE_READ_TOKENS,
    names.CACHE_WRITE_TOKENS,
)


def used(seen):
    """
    Input, output, read from and written to the cache; None where absent.
    """
    attributes = seen.one("model_request").attributes
    return tuple(attributes.get(name) for name in COUNTS)


def test_a_call_says_which_model(seen):
    """
    Asked of whom, within the task; answered by which.
    """
    with ds.session("p"), ds.task("d", id="t"), ds.model_call("gpt-5", provider="openai") as call:
        call.used(input_tokens=10, output_tokens=2, cost_usd=0.01, response_model="gpt-5-2026")

    span = seen.one("model_request")
    assert span.name == "chat gpt-5"
    assert span.kind is SpanKind.CLIENT
    expected = {
        names.KIND: "model_request",
        names.TASK_ID: "t",
        names.OPERATION: "chat",
        names.REQUEST_MODEL: "gpt-5",
        names.RESPONSE_MODEL: "gpt-5-2026",
        names.PROVIDER_NAME: "openai",
        names.INPUT_TOKENS: 10,
        names.OUTPUT_TOKENS: 2,
        names.COST_USD: 0.01,
    }
    assert expected.items() <= dict(span.attributes).items()
    assert seen.count(names.CLIENT_RECORDS, {names.RECORD_KIND: "model_request"}) == 1


def test_a_call_that_raises_has_failed(seen):
    """
    With what it had used until then.
    """
    with suppress(OSError), ds.model_call("m") as call:
        call.used(input_tokens=1)
        raise OSError("gone")

    assert seen.one("model_request").status.status_code is StatusCode.ERROR
    assert used(seen) == (1, None, None, None)


OPENAI_DETAILS = {"cached_tokens": 64, "audio_tokens": 0}
ANSWERS = {
    "OpenAI, chat": (
        {
            "model": "m-1",
            "choices": [],
            "usage": {
                "prompt_tokens": 100,
                "completion_tokens": 20,
                "total_tokens": 120,
                "prompt_tokens_details": OPENAI_DETAILS,
                "completion_tokens_details": {"reasoning_tokens": 8},
            },
        },
        (100, 20, 64, None),
    ),
    "OpenAI, responses": (
        {
            "model": "m-1",
            "output": [],
            "usage": {"input_tokens": 100, "output_tokens": 20, "input_tokens_details": OPENAI_DETAILS},
        },
        (100, 20, 64, None),
    ),
    "OpenAI, end of a stream": (
        {
            "type": "response.completed",
            "response": {"model": "m-1", "usage": {"input_tokens": 100, "output_tokens": 20}},
        },
        (100, 20, None, None),
    ),
    "Anthropic": (
        {
            "model": "m-1",
            "content": [],
            "usage": {
                "input_tokens": 10,
                "output_tokens": 5,
                "cache_creation_input_tokens": 20,
                "cache_read_input_tokens": 300,
            },
        },
        (330, 5, 300, 20),
    ),
    "Anthropic, without a cache": (
        {
            "model": "m-1",
            "usage": {
                "input_tokens": 10,
                "output_tokens": 5,
                "cache_creation_input_tokens": None,
                "cache_read_input_tokens": None,
            },
        },
        (10, 5, None, None),
    ),
    "Google": (
        {
            "model_version": "m-1",
            "usage_metadata": {
                "prompt_token_count": 100,
                "candidates_token_count": 10,
                "thoughts_token_count": 30,
                "tool_use_prompt_token_count": 5,
                "cached_content_token_count": 60,
                "total_token_count": 145,
            },
        },
        (105, 40, 60, None),
    ),
    "Google, as JSON": (
        {"modelVersion": "m-1", "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 10}},
        (100, 10, None, None),
    ),
    "Bedrock": (
        {
            "model": "m-1",
            "usage": {
                "inputTokens": 10,
                "outputTokens": 2,
                "totalTokens": 42,
                "cacheReadInputTokens": 20,
                "cacheWriteInputTokens": 10,
            },
        },
        (40, 2, 20, 10),
    ),
    "Cohere": (
        {
            "model": "m-1",
            "usage": {
                "billed_units": {"input_tokens": 5.0, "output_tokens": 8.0},
                "tokens": {"input_tokens": 71.0, "output_tokens": 8.0},
            },
        },
        (71, 8, None, None),
    ),
    "Mistral": (
        {"model": "m-1", "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}},
        (3, 4, None, None),
    ),
    "LiteLLM": (
        {
            "model": "m-1",
            "usage": {
                "prompt_tokens": 330,
                "completion_tokens": 5,
                "cache_creation_input_tokens": 20,
                "cache_read_input_tokens": 300,
            },
        },
        (330, 5, 300, 20),
    ),
    "a server that leaves out what is cached": (
        {
            "model": "m-1",
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "cache_read_input_tokens": 300},
        },
        (310, 5, 300, None),
    ),
    "Ollama": ({"model": "m-1", "prompt_eval_count": 26, "eval_count": 298}, (26, 298, None, None)),
}


def as_object(value):
    """
    *value* with attributes in place of keys.
    """
    if isinstance(value, dict):
        return SimpleNamespace(**{key: as_object(each) for key, each in value.items()})
    return value


@pytest.mark.parametrize("convert", [as_object, lambda answer: answer], ids=["object", "dictionary"])
@pytest.mark.parametrize(("answer", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_usage_is_what_the_provider_says(seen, answer, expected, convert):
    """
    Cached tokens are part of the input, whether the provider counts them there or not.
    """
    with ds.model_call("m") as call:
        call.usage(convert(answer))

    assert used(seen) == expected
    assert seen.one("model_request").attributes[names.RESPONSE_MODEL] == "m-1"


def test_usage_of_langchain_is_understood(seen):
    """
    The message of the framework itself; what it has made of the usage stands before the provider's.
    """
    messages = pytest.importorskip("langchain_core.messages")
    answer = messages.AIMessage(
        content="",
        usage_metadata={
            "input_tokens": 330,
            "output_tokens": 5,
            "total_tokens": 335,
            "input_token_details": {"cache_read": 300, "cache_creation": 20},
        },
        response_metadata={"model_name": "m-1", "usage": {"input_tokens": 10}},
    )
    with ds.model_call("m") as call:
        call.usage(answer)

    assert used(seen) == (330, 5, 300, 20)
    assert seen.one("model_request").attributes[names.RESPONSE_MODEL] == "m-1"


def test_usage_of_pydantic_ai_is_understood(seen):
    """
    Of one request, and of a whole run of a real agent.
    """
    usage = pytest.importorskip("pydantic_ai.usage")
    with ds.model_call("m") as call:
        call.usage(usage.RequestUsage(input_tokens=330, output_tokens=5, cache_read_tokens=300))

    assert used(seen) == (330, 5, 300, 0)


async def test_usage_of_a_run_of_pydantic_ai_is_understood(seen):
    """
    What the run returns has it.
    """
    pydantic_ai = pytest.importorskip("pydantic_ai")
    test_model = pytest.importorskip("pydantic_ai.models.test")
    agent = pydantic_ai.Agent(test_model.TestModel())

    @ds.model_call("test")
    async def ask():
        return await agent.run("How many?")

    usage = (await ask()).usage
    usage = usage if hasattr(usage, "input_tokens") else usage()  # as earlier versions had it
    assert used(seen)[:2] == (usage.input_tokens, usage.output_tokens)
    assert usage.input_tokens > 0


@pytest.mark.parametrize("is_async", [False, True])
def test_what_a_function_returns_is_taken(seen, is_async):
    """
    If it is a response; the function's own statement would win.
    """
    answer, _ = ANSWERS["Mistral"]

    @ds.model_call("m")
    def ask():
        return answer

    @ds.model_call("m")
    async def ask_later():
        return answer

    assert (asyncio.run(ask_later()) if is_async else ask()) is answer
    assert used(seen) == (3, 4, None, None)


@pytest.mark.parametrize("result", [None, "text", 7, ["a"], {"usage": "much"}, {"model": "m"}, object()])
def test_another_result_is_left_alone(seen, caplog, result):
    """
    There is nothing to say about it.
    """

    @ds.model_call("m")
    def ask():
        return result

    with ds.session("p"):
        assert ask() is result
    assert used(seen) == (None, None, None, None)
    assert not caplog.text


def test_a_stated_usage_wins_over_the_result(seen):
    """
    It is not added to it.
    """
    with ds.model_call("m") as call:
        call.used(input_tokens=1)
        call.returned(ANSWERS["Mistral"][0])

    assert used(seen) == (1, None, None, None)


def test_events_of_a_stream_may_be_given_one_by_one(seen):
    """
    Totals so far replace each other; what an event does not have stays.
    """
    with ds.model_call("m") as call:
        call.usage({"message": {"model": "m-1", "usage": ANSWERS["Anthropic"][0]["usage"]}})
        call.usage(None)
        call.usage({"usage": {"output_tokens": 40}})
        call.usage({"usage": {"input_tokens": 0, "output_tokens": 99}})

    assert used(seen) == (330, 99, 300, 20)


STREAMS = {
    "OpenAI": ([{"choices": [1], "usage": None}, ANSWERS["OpenAI, chat"][0]], 20),
    "Anthropic": (
        [
            {"type": "message_start", "message": ANSWERS["Anthropic"][0]},
            {"type": "message_delta", "usage": {"output_tokens": 9}},
            {"type": "message_stop"},
        ],
        9,
    ),
    "a framework": ([("text", {}), (ANSWERS["Mistral"][0], {"step": 1})], 4),
    "an answer at the end": (["text", ANSWERS["Mistral"][0]["usage"]], 4),
}


@pytest.mark.parametrize(("events", "output"), STREAMS.values(), ids=STREAMS.keys())
@pytest.mark.parametrize("form", [lambda event: event, as_object])
async def test_what_a_generator_yields_is_read(seen, caplog, events, output, form):
    """
    Whether it is one itself, of either kind, or is returned; what it yields is handed on untouched.
    """
    given = [form(event) for event in events]

    def stream():
        yield from given

    async def stream_later():
        for event in given:
            yield event

    call = ds.model_call("m")
    with ds.session("p"):
        assert list(call(stream)()) == given
        assert list(call(lambda *_: stream())()) == given
        assert [event async for event in call(stream_later)()] == given

    totals = [span.attributes[names.OUTPUT_TOKENS] for span in seen.records("model_request")]
    assert totals == [output] * 3
    assert not caplog.records


@pytest.mark.parametrize("has_ended", [True, False])
def test_a_generator_that_says_nothing_is_logged_once(seen, caplog, has_ended):
    """
    If it was read to its end; else its usage may just have been to come.
    """

    @ds.model_call("m")
    def stream():
        yield "text"
        yield "more"

    with ds.session("p"):
        for _ in range(2):
            items = stream()
            next(items)
            if has_ended:
                list(items)
            items.close()

    assert used_by_each(seen) == [None, None]
    messages = [record.getMessage() for record in caplog.records]
    assert ["no usage is found in what a call of m has yielded" in text for text in messages] == (
        [True] if has_ended else []
    )
    assert all(record.pathname == __file__ for record in caplog.records)


def used_by_each(seen):
    """
    The input of each call.
    """
    return [span.attributes.get(names.INPUT_TOKENS) for span in seen.records("model_request")]


def test_a_usage_that_a_generator_states_wins(seen, caplog):
    """
    Over what it yields, before and after.
    """

    @ds.model_call("m")
    def stream():
        yield ANSWERS["Mistral"][0]
        ds.current(ds.ModelCall).used(input_tokens=1, output_tokens=2)
        yield ANSWERS["Mistral"][0]

    with ds.session("p"):
        list(stream())

    assert used(seen) == (1, 2, None, None)
    assert not caplog.records


def test_a_stream_that_is_no_generator_is_logged_once(seen, caplog):
    """
    Its usage comes after the call has ended.
    """

    class Stream:
        def __iter__(self):
            return self

        def __next__(self):
            raise StopIteration

    with ds.session("p"):
        ds.model_call("m")(lambda stream: stream)(Stream())

    assert used(seen) == (None, None, None, None)
    assert "has ended with a stream, a " in caplog.text


def test_usage_that_is_not_understood_is_told(seen, caplog):
    """
    With the way out.
    """
    with ds.model_call("m") as call:
        call.usage(object())

    assert used(seen) == (None, None, None, None)
    assert "no usage is found in a object; give it with used(" in caplog.text


@pytest.mark.parametrize("amount", [-1, True, "many", float("nan"), 1.5])
def test_an_amount_that_is_none_is_dropped(seen, amount):
    """
    It is counted as dropped.
    """
    with ds.model_call("m") as call:
        call.used(input_tokens=amount, output_tokens=1)

    assert used(seen) == (None, 1, None, None)
    assert seen.count(names.CLIENT_DROPPED) == 1


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ([{"input_tokens": 10, "cache_read_tokens": 50}], (10, None, None, None)),
        ([{"input_tokens": 10}, {"cache_read_tokens": 6, "cache_write_tokens": 5}], (10, None, None, None)),
        ([{"input_tokens": 10}, {"cache_read_tokens": 6}, {"cache_write_tokens": 5}], (10, None, 6, None)),
        ([{"cache_read_tokens": 50}, {"input_tokens": 10, "output_tokens": 1}], (None, 1, 50, None)),
    ],
)
def test_no_more_is_cached_than_was_sent(seen, caplog, given, left):
    """
    Of what contradicts each other, what came first stands.
    """
    with ds.session("p"), ds.model_call("m") as call:
        for amounts in given:
            call.used(**amounts)

    assert used(seen) == left
    (warning,) = caplog.records
    assert warning.pathname == __file__


def test_all_of_the_input_may_be_cached(seen, caplog):
    """
    In one call, or in any order.
    """
    with ds.session("p"), ds.model_call("m") as call:
        call.used(cache_read_tokens=6, cache_write_tokens=4)
        call.used(input_tokens=10)

    assert used(seen) == (10, None, 6, 4)
    assert not caplog.records


def test_an_unknown_amount_is_a_type_error():
    """
    As a type checker says.
    """
    with pytest.raises(TypeError), ds.model_call("m") as call:
        call.used(tokens=1)
