"""
Attributes that users give to sessions and tasks.
"""

from contextlib import suppress

import pytest

import droidscope as ds
from droidscope.conventions import attributes as names
from droidscope.instrument import providers


def given(span):
    """
    The attributes of the user, by their own keys.
    """
    prefix = names.USER_ATTRIBUTE
    return {
        key.removeprefix(prefix): value for key, value in span.attributes.items() if key.startswith(prefix)
    }


@pytest.mark.parametrize(
    ("kind", "block"),
    [
        ("session", lambda attributes: ds.session("p", attributes=attributes)),
        ("task", lambda attributes: ds.task("d", attributes=attributes)),
    ],
)
def test_attributes_are_given_at_once_or_later(seen, kind, block):
    """
    A later value replaces an earlier one.
    """
    with block({"customer": "a", "tier": 1}) as span:
        span.set_attribute("customer", "b")
        span.set_attributes({"urgent": True, "score": 0.5})

    assert given(seen.one(kind)) == {"customer": "b", "tier": 1, "urgent": True, "score": 0.5}


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("", 1, "its key must be text of 1 to 64"),
        ("k" * 65, 1, "its key must be text of 1 to 64"),
        (7, 1, "its key must be text of 1 to 64"),
        ("k", "v" * 257, "longer than 256"),
        ("k", None, "must be text, a boolean or a number"),
        ("k", [1], "must be text, a boolean or a number"),
        ("k", float("nan"), "not finite"),
        ("k", 1 << 63, "more than 64 bits"),
    ],
)
def test_what_does_not_fit_is_dropped(seen, caplog, key, value, fault):
    """
    It is logged once, and the rest is kept.
    """
    with ds.session("p", attributes={"kept": 1, key: value}) as session:
        session.set_attribute(key, value)

    assert given(seen.one("session")) == {"kept": 1}
    assert fault in caplog.text


def test_there_are_at_most_32(seen, caplog):
    """
    Those that came first; they may still change.
    """
    with ds.task("d", attributes={f"k{n}": n for n in range(40)}) as task:
        task.set_attribute("k0", -1)

    assert given(seen.one("task")) == {"k0": -1, **{f"k{n}": n for n in range(1, 32)}}
    assert "there are 32 already" in caplog.text


@pytest.mark.parametrize("attributes", [["a"], "a", 7])
def test_what_is_no_mapping_is_dropped(seen, caplog, attributes):
    """
    The session is recorded without.
    """
    with ds.session("p", attributes=attributes):
        pass

    assert given(seen.one("session")) == {}
    assert "expected a mapping" in caplog.text


def test_text_is_clean(seen):
    """
    Half a surrogate pair would cost a batch.
    """
    with ds.session("p", attributes={"key\ud800": "value\ud800"}):
        pass

    ((key, value),) = given(seen.one("session")).items()
    assert key.encode()
    assert value.encode()


def test_both_spans_of_a_delivery_have_them(seen):
    """
    The attempt, and the task that it ends.
    """
    with suppress(ValueError), ds.task("d", id="1", delivery=1, attributes={"a": 1}) as task:
        task.set_attribute("b", 2)
        raise ValueError

    assert given(seen.one("attempt")) == given(seen.one("task")) == {"a": 1, "b": 2}


@pytest.mark.parametrize("key", [["a"], {}, None])
def test_a_key_that_is_none_stays_out_of_the_work(key):
    """
    Without a provider, too.
    """
    with providers.override(None), ds.task("d") as task:
        task.set_attribute(key, 1)


def test_an_ended_span_takes_none(seen):
    """
    It has been sent.
    """
    with ds.session("p") as session:
        pass
    session.set_attribute("late", 1)

    assert given(seen.one("session")) == {}
