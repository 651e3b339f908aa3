"""
Who is told: the file a user writes for `droidscope rules render --receivers FILE` (docs/notifications.md).

It names receivers once, says which severity goes to which, and holds no secret, only the paths of files
that do. What Alertmanager's configuration looks like is no concern of its writer.
"""

from __future__ import annotations

import re
import zoneinfo
from pathlib import Path, PurePosixPath
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from droidscope.errors import ConfigError
from droidscope.yaml_file import read_mapping

_SMARTHOST: Final = re.compile(r"[^\s:]+:[0-9]{1,5}\Z|\[[0-9a-fA-F:]+\]:[0-9]{1,5}\Z")
_TIME: Final = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]\Z|24:00\Z")
_LABEL: Final = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*\Z")
_WEEK: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
"""
In the order of Alertmanager, which refuses a range like monday:sunday.
"""
_USERINFO: Final = re.compile(r"://[^/@]*@")
_SECRET_KEYS: Final = frozenset(
    {"api_url", "routing_key", "service_key", "auth_password", "password", "credentials", "token"}
)
_EXPECTED: Final = {
    "missing": "it is required",
    "tuple_type": "expected a list",
    "dict_type": "expected a mapping",
    "model_type": "expected a mapping",
    "model_attributes_type": "expected a mapping",
    "string_type": "expected text",
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
}


def _secret_file(value: str) -> str:
    # Alertmanager resolves a relative one against its working directory, which nobody remembers.
    if not PurePosixPath(value).is_absolute():
        raise ValueError("expected the absolute path of a file, as Alertmanager sees it")
    return value


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("expected a URL with http:// or https://")
    if parts.password is not None:
        raise ValueError("expected a URL without a password; secrets are given as files")
    return value


def _smarthost(value: str) -> str:
    if not _SMARTHOST.match(value):
        raise ValueError("expected HOST:PORT, such as smtp.example.com:587")
    return value


def _time(value: object) -> object:
    # YAML reads 17:00 without quotes as a number to the base of 60.
    text = f"{value // 60:02}:{value % 60:02}" if isinstance(value, int) else value
    if not isinstance(text, str) or not _TIME.match(text):
        raise ValueError("expected a time of day from 00:00 to 24:00, such as 09:00")
    return text


def _days(value: str) -> str:
    days = value.split(":")
    if len(days) > 2 or not set(days) <= set(_WEEK):  # noqa: PLR2004 - a range has two ends
        raise ValueError("expected a day or a range of days, such as monday or monday:friday")
    if _WEEK.index(days[0]) > _WEEK.index(days[-1]):
        raise ValueError("expected a range within a week that begins on sunday, such as sunday:saturday")
    return value


def _zone(value: str) -> str:
    known = zoneinfo.available_timezones()
    # A machine without the database of time zones cannot tell; Alertmanager brings its own.
    if known and value not in known:
        raise ValueError("expected a name of the time zone database, such as Europe/Berlin or UTC")
    return value


def _label(value: str) -> str:
    if not _LABEL.match(value):
        raise ValueError("expected a label name, such as cluster")
    return value


SecretFile = Annotated[str, AfterValidator(_secret_file)]
Url = Annotated[str, AfterValidator(_url)]
Text = Annotated[str, Field(min_length=1)]
Time = Annotated[str, BeforeValidator(_time)]
Names = tuple[str, ...]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Slack(_Strict):
    """
    A Slack channel, by the URL of an incoming webhook or of `chat.postMessage`.
    """

    kind: Literal["slack"]
    api_url_file: SecretFile
    channel: Text


class Email(_Strict):
    """
    Mail by way of an SMTP server; *to* may be several addresses with commas between them.
    """

    kind: Literal["email"]
    to: Text
    sender: Text = Field(alias="from")
    smarthost: Annotated[str, AfterValidator(_smarthost)]
    auth_username: Text | None = None
    auth_password_file: SecretFile | None = None
    require_tls: bool = True

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if (self.auth_username is None) != (self.auth_password_file is None):
            raise ValueError("has auth_username or auth_password_file; expected both or neither")
        return self


class PagerDuty(_Strict):
    """
    A PagerDuty service, by its key for the Events API v2; *url* where that is not PagerDuty's own.
    """

    kind: Literal["pagerduty"]
    routing_key_file: SecretFile
    url: Url | None = None


class Webhook(_Strict):
    """
    Anything that takes Alertmanager's JSON.

    *url_file* holds a URL that is a secret itself (Alertmanager 0.26 and later); *credentials_file* a
    bearer token.
    """

    kind: Literal["webhook"]
    url: Url | None = None
    url_file: SecretFile | None = None
    credentials_file: SecretFile | None = None

    @model_validator(mode="after")
    def _has_one_url(self) -> Self:
        if (self.url is None) == (self.url_file is None):
            raise ValueError("has url and url_file, or none of them; expected one")
        return self


Receiver = Annotated[Slack | Email | PagerDuty | Webhook, Field(discriminator="kind")]


class Notify(_Strict):
    """
    Names of the receivers for each severity, for alerts without one of ours, and for the watchdog.

    All but the watchdog's must be said, if only as an empty list: what is forgotten would be lost.
    """

    critical: Names
    high: Names
    medium: Names
    low: Names
    other: Names
    watchdog: Names = ()


class WorkingHours(_Strict):
    """
    When medium and low alerts may speak.
    """

    weekdays: tuple[Annotated[str, AfterValidator(_days)], ...] = ("monday:friday",)
    start: Time = Field(default="09:00", alias="from")
    end: Time = Field(default="17:00", alias="to")

    @model_validator(mode="after")
    def _start_before_their_end(self) -> Self:
        if self.start >= self.end:
            raise ValueError(f"is from {self.start} to {self.end}; expected an end after the start")
        return self


class Receivers(_Strict):
    """
    The whole file. *site_labels* are external labels by which several Prometheus differ that share an
    Alertmanager: alerts are grouped, and mute each other, only where these agree.
    """

    time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    working_hours: WorkingHours = Field(default_factory=lambda: WorkingHours.model_validate({}))
    site_labels: tuple[Annotated[str, AfterValidator(_label)], ...] = ()
    receivers: dict[str, Receiver]
    notify: Notify

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        used = {name for _, names in self.notify for name in names}
        for severity, names in self.notify:
            for name in names:
                if name not in self.receivers:
                    known = ", ".join(self.receivers) or "nothing, as there are no receivers"
                    raise ValueError(f"notify.{severity} has {name!r}; expected one of {known}")
        for name in self.receivers:
            if name not in used:
                raise ValueError(f"receivers.{name} is never notified; expected its name under notify")
        return self


_NOBODY: Final = dict.fromkeys(("critical", "high", "medium", "low", "other"), ())


def nobody(time_zone: str = "UTC") -> Receivers:
    """
    No integrations, so no accounts: alerts show in Alertmanager's own page.

    Raises:
        ConfigError: If there is no such time zone.
    """
    return _validated({"time_zone": time_zone, "receivers": {}, "notify": _NOBODY}, "--time-zone")


def one_webhook(url: str, time_zone: str = "UTC") -> Receivers:
    """
    A single webhook for everything but the watchdog.

    Raises:
        ConfigError: If *url* is none, or holds a password; if there is no such time zone.
    """
    return _validated(
        {
            "time_zone": time_zone,
            "receivers": {"webhook": {"kind": "webhook", "url": url}},
            "notify": {key: ["webhook"] for key in _NOBODY},
        },
        "--webhook",
    )


def load(path: Path, time_zone: str | None = None) -> Receivers:
    """
    The receivers of a file; *time_zone* wins over the one in it.

    Raises:
        ConfigError: One line for each key that is unknown, missing or does not fit.
    """
    content = read_mapping(path, "a mapping with receivers, notify")
    return _validated(content if time_zone is None else {**content, "time_zone": time_zone}, str(path))


def _validated(content: dict[str, object], source: str) -> Receivers:
    try:
        return Receivers.model_validate(content)
    except ValidationError as error:
        lines = dict.fromkeys(_sentence(fault, source) for fault in error.errors())
        raise ConfigError("\n".join(lines)) from None


def _sentence(fault: ErrorDetails, source: str) -> str:
    """
    One line that names the key, its value and what was expected; never a secret put in by mistake.
    """
    where = [str(part) for part in fault["loc"]]
    # pydantic puts the kind of a receiver between its name and its key.
    if where[:1] == ["receivers"]:
        del where[2:3]
    if not where:
        return f"{_complaint(fault, '')} ({source})"
    kind = ".kind" if fault["type"].startswith("union_tag") else ""
    return f"{'.'.join(where)}{kind} ({source}) {_complaint(fault, where[-1])}"


def _complaint(fault: ErrorDetails, key: str) -> str:
    given = fault["input"]
    expectation = _EXPECTED.get(fault["type"], str(fault["msg"]).removeprefix("Value error, "))
    match fault["type"]:
        case "extra_forbidden" if key in _SECRET_KEYS:
            return f"would put a secret here; expected {key}_file with the path of one"
        case "extra_forbidden":
            return "is no key of this file; see docs/notifications.md for those there are"
        case "union_tag_invalid" | "union_tag_not_found":
            kind = given.get("kind") if isinstance(given, dict) else given
            return f"is {kind!r}; expected slack, email, pagerduty or webhook"
        case "value_error" if isinstance(given, dict):
            return expectation
    value = f"is {_USERINFO.sub('://...@', repr(given)):.80}"
    if fault["type"] == "missing":
        value = "is missing"
    elif key.endswith("_file"):  # the likeliest mistake is to write the secret itself where its file belongs
        value = "does not fit"
    return f"{value}; {expectation[:1].lower()}{expectation[1:]}"
