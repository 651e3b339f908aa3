"""
What a decorator may stand above: functions, and what classes make of them.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar

from droidscope.instrument.never_raise import Shown

_OF_FUNCTOOLS: Final = ("cache_clear", "cache_info", "cache_parameters", "func", "args", "keywords")
P = ParamSpec("P")
R = TypeVar("R")
Wrap = Callable[[Callable[..., Any]], Callable[..., Any]]


def rebuilt(decorated: Any, wrap: Wrap) -> Any:  # noqa: ANN401 - functions and descriptors of all sorts
    """
    *decorated* with the function inside of it wrapped: itself, or what a descriptor holds.

    Raises:
        TypeError: If there is no function in it; the message names what to decorate instead.
    """
    if isinstance(decorated, classmethod | staticmethod):
        return type(decorated)(rebuilt(decorated.__func__, wrap))
    if isinstance(decorated, property):
        if decorated.fget is None:
            _reject(decorated, "a property without a getter")
        return decorated.getter(rebuilt(decorated.fget, wrap))
    if isinstance(decorated, functools.cached_property):
        again = copy.copy(decorated)
        again.func = rebuilt(decorated.func, wrap)
        return again
    if isinstance(decorated, functools.partialmethod):
        inside = rebuilt(decorated.func, wrap)
        return functools.partialmethod(inside, *decorated.args, **decorated.keywords)
    if isinstance(decorated, functools.singledispatchmethod):
        _reject(decorated, "a single-dispatch method: decorate the implementations that it registers")
    if isinstance(decorated, type):
        _reject(decorated, "a class: decorate its methods")
    if inspect.isawaitable(decorated):
        _reject(decorated, "what a coroutine function returned: decorate the function")
    if not callable(decorated):
        _reject(decorated, "not callable: decorate a function or method")
    return _like(decorated, wrap(decorated))


def is_decorated(value: object) -> bool:
    """
    Whether *value* is what a decorator stands above: a function, a class, or what a class makes of either.
    """
    return callable(value) or hasattr(type(value), "__get__")


def no_decorator(function: Callable[P, R]) -> Callable[P, R]:
    """
    *function*, with a TypeError where it stands above a function as a decorator, which it is not.
    """

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        if len(args) == 1 and not kwargs and is_decorated(args[0]):
            name = function.__name__
            msg = f"droidscope.{name} is no decorator, and cannot decorate {Shown(args[0])!r}: call it within"
            raise TypeError(msg)
        return function(*args, **kwargs)

    return called


def _reject(decorated: object, what: str) -> None:
    msg = f"cannot decorate {Shown(decorated)!r}, which is {what}"
    raise TypeError(msg)


def _like(decorated: Callable[..., Any], wrapper: Callable[..., Any]) -> Callable[..., Any]:
    """
    *wrapper* with what users call on what functools made: `cache_clear` of a cached function, and the like.
    """
    if type(decorated).__module__ != "functools":
        return wrapper
    if isinstance(decorated, functools.partial):  # binds to no object in a class, as functions do
        wrapper = functools.wraps(wrapper)(functools.partial(wrapper))
        names: tuple[str, ...] = ()
    else:
        names = _OF_FUNCTOOLS
    for name in names:
        if hasattr(decorated, name):
            setattr(wrapper, name, getattr(decorated, name))
    return wrapper
