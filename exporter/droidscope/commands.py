"""
The commands: each parses its options, calls one function and ends with an exit code.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from droidscope import __version__, config, optional_commands
from droidscope.conventions.former_names import FORMER_OPTIONS
from droidscope.errors import DroidscopeError


class Commands(click.Group):
    """
    Ends with one line and exit code 1 on any `DroidscopeError`; has the commands of add-ons, too.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """
        Names of the product's commands and of all add-ons', installed or not.
        """
        return sorted({*super().list_commands(ctx), *optional_commands.OPTIONAL_COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """
        The command of that name, None if there is none; an add-on's is imported only here.
        """
        optional = optional_commands.OPTIONAL_COMMANDS.get(cmd_name)
        return optional_commands.load(optional) if optional else super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        """
        Run the command.
        """
        try:
            return super().invoke(ctx)
        except DroidscopeError as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="droidscope")
def droidscope() -> None:
    """
    Performance analytics for orchestrators of AI agents.

    `droidscope serve` receives OpenTelemetry from orchestrators and serves their KPIs to Prometheus.
    """


FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
DIRECTORY = click.Path(path_type=Path, file_okay=False)


def _with_default(text: str, setting: str) -> str:
    return f"{text} [{config.Settings.model_fields[setting].default}]."


def settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """
    Add the options of every command that reads settings.
    """
    options = [
        click.option(
            "--config", "file", type=FILE, help="Configuration file, YAML; also $DROIDSCOPE_CONFIG."
        ),
        click.option("--store", type=DIRECTORY, help="Directory of the store."),
        click.option(
            "--listen", metavar="ADDR", help=_with_default("Address of pages, API and /metrics", "listen")
        ),
        click.option(
            "--otlp-http", metavar="ADDR", help=_with_default("Address for OTLP over HTTP", "otlp_http")
        ),
        click.option(
            "--otlp-grpc", metavar="ADDR", help=_with_default("Address for OTLP over gRPC", "otlp_grpc")
        ),
        click.option("--thresholds", type=FILE, help="YAML file of other limits (docs/alerts.md)."),
        click.option(
            "--log-level",
            type=click.Choice(get_args(config.LogLevel)),
            help=_with_default("Lowest level to log", "log_level"),
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@droidscope.command()
@settings_options
def serve(file: Path | None, **flags: object) -> None:
    """
    Run the exporter until SIGTERM or Ctrl-C.

    Every setting is a variable DROIDSCOPE_<NAME> and a key of the configuration file; flags win over
    variables, variables over the file. `droidscope config show` prints them all.
    """
    settings = config.load(file, flags)
    import uvloop  # noqa: PLC0415 - what only the server needs starts with it

    from droidscope.app import Exporter  # noqa: PLC0415 - likewise
    from droidscope.logs import configure_logs  # noqa: PLC0415 - likewise

    configure_logs(settings.log_level, settings.log_format)
    uvloop.run(Exporter(settings, announce=click.echo).run())


@droidscope.group("config")
def config_() -> None:
    """
    Check or show the configuration.
    """


@config_.command()
@settings_options
def check(file: Path | None, **flags: object) -> None:
    """
    Validate the settings as `serve` does; exit code 1 and one line for each fault.
    """
    config.load(file, flags).alert_limits()
    click.echo("configuration is valid")


@config_.command()
@settings_options
def show(file: Path | None, **flags: object) -> None:
    """
    Print the settings in use, as a configuration file.
    """
    click.echo(config.as_text(config.load(file, flags)), nl=False)


@droidscope.command()
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option(
    "--to",
    metavar="URL",
    default="http://127.0.0.1:4318",
    show_default=True,
    help="Address of the exporter: http://, https:// or grpc://HOST:PORT.",
)
def replay(files: tuple[Path, ...], to: str) -> None:
    """
    Send recorded OTLP to an exporter.

    A recording is a sequence of records: 4 bytes of length, then a protobuf export request.

    The name of each FILE starts with its signal: traces, metrics or logs; .gz files are gzipped.
    """
    # Under another name, since this function has the module's.
    from droidscope import replay as player  # noqa: PLC0415 - grpcio takes a while to import

    size = sum(len(record) for path in files for record in player.read_records(path))
    with click.progressbar(length=size, label="replay", file=sys.stderr) as bar:
        sent = 0

        def progress(_path: Path, summary: player.ReplaySummary) -> None:
            nonlocal sent
            bar.update(summary.sent_bytes - sent)
            sent = summary.sent_bytes

        summary = player.replay(files, to, progress=progress)
    click.echo(f"{summary.requests} requests, {summary.sent_bytes} bytes, {summary.retries} retries")
    if summary.rejected or summary.message:
        click.echo(f"{summary.rejected} items rejected: {summary.message}", err=True)


@droidscope.command(
    add_help_option=False, context_settings={"ignore_unknown_options": True, "allow_extra_args": True}
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def doctor(arguments: tuple[str, ...]) -> None:
    """
    Find out why nothing arrives: `droidscope doctor --help`.
    """
    from droidscope.instrument.diagnosis import doctor as checks  # noqa: PLC0415 - only this command needs it

    raise SystemExit(checks.main(arguments))


@droidscope.group()
def rules() -> None:
    """
    Render the configuration of Prometheus and Alertmanager.
    """


def former_options(command: Callable[..., None]) -> Callable[..., None]:
    """
    Add the options that are no more, hidden: each is a usage error with what is expected instead.
    """

    def refuse(ctx: click.Context, option: click.Parameter, value: str | None) -> None:
        if value is not None:
            former = option.opts[0]
            msg = f"{former} is no option any more; expected {FORMER_OPTIONS[former]}"
            raise click.UsageError(msg, ctx)

    for former in FORMER_OPTIONS:
        command = click.option(former, hidden=True, expose_value=False, callback=refuse)(command)
    return command


@rules.command()
@former_options
@click.option(
    "--check",
    is_flag=True,
    help="Compare instead of writing; exit code 1 if a file differs.",
)
@click.option("--root", type=DIRECTORY, default=Path(), help="Directory to write to [current directory].")
@click.option("--thresholds", type=FILE, help="YAML file of limits other than the defaults (docs/alerts.md).")
@click.option(
    "--receivers",
    type=FILE,
    help="YAML file of Alertmanager's receivers and time intervals (docs/notifications.md).",
)
@click.option(
    "--site-label",
    "site_labels",
    metavar="LABEL",
    multiple=True,
    help="External label in which several Prometheus differ that share an Alertmanager; may be repeated.",
)
@click.option("--runbook-url", metavar="URL", help="URL of the runbooks in the alerts [docs/runbooks].")
@click.option("--grafana-url", metavar="URL", help="URL of Grafana in the alerts [http://127.0.0.1:3000].")
def render(
    *,
    check: bool,
    root: Path,
    thresholds: Path | None,
    receivers: Path | None,
    site_labels: tuple[str, ...],
    runbook_url: str | None,
    grafana_url: str | None,
) -> None:
    """
    Write the rules of Prometheus and the routes of Alertmanager, into prometheus/ and alertmanager/.
    """
    from droidscope.limits import overrides  # noqa: PLC0415 - only this command needs it
    from droidscope.rules.alerts import Links  # noqa: PLC0415 - likewise
    from droidscope.rules.receivers import NO_RECEIVERS, load  # noqa: PLC0415 - likewise
    from droidscope.rules.render import (  # noqa: PLC0415 - likewise
        drift,
        render_alertmanager,
        render_prometheus,
        write,
    )

    defaults = Links()
    links = Links(runbook_url or defaults.runbooks, grafana_url or defaults.grafana)
    limits = overrides.load(thresholds) if thresholds else None
    files = {
        **render_prometheus(links, limits),
        **render_alertmanager(load(receivers) if receivers else NO_RECEIVERS, site_labels),
    }
    if not check:
        write(files, root)
        return
    difference = drift(files, root)
    click.echo(difference, nl=False)
    if difference:
        raise SystemExit(1)
