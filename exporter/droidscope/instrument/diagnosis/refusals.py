"""
What `configure` would refuse, by its own checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from droidscope.errors import DroidscopeError
from droidscope.instrument.diagnosis.findings import Finding, error
from droidscope.instrument.emission.sink import Destination

_REFUSED = {"unknown_protocol", "no_url", "path_twice"}
"""
Names of findings that say the same better.
"""


def check_refusals(
    destination: Destination, environment: Mapping[str, str], known: Iterable[Finding] = ()
) -> Iterator[Finding]:
    """
    Why `configure` would refuse this destination and these variables, unless one of the *known* findings is
    about that.
    """
    if any(finding.name in _REFUSED for finding in known):
        return
    if destination.endpoint is not None and not destination.endpoint.strip():
        yield error("configure_refuses", "configure refuses an endpoint that is empty.", "Give one, or none.")
        return
    variables = {name: value for name, value in environment.items() if name.startswith("OTEL_")}
    try:
        import droidscope.instrument.emission.setup  # noqa: F401, PLC0415 - needs the SDK, which reads variables
        from droidscope.instrument.sending.new_sender import check_destination  # noqa: PLC0415 - likewise

        check_destination(destination, variables)
    except ImportError:  # a finding of its own
        return
    except (DroidscopeError, ValueError) as failure:
        yield error(
            "configure_refuses",
            f"configure refuses this, so nothing is recorded: {str(failure).rstrip('.')}.",
            "Correct that variable or argument.",
        )
