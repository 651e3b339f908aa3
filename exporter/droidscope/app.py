"""
Wires the rooms into one exporter: the only place that knows them all.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import structlog
import uvicorn

from droidscope import __version__
from droidscope.addresses import Address
from droidscope.api.schema import Readiness
from droidscope.component_settings import (
    foreign_settings,
    head_settings,
    request_limits,
    series_limits,
    store_options,
    view_settings,
)
from droidscope.config import Settings
from droidscope.errors import ConfigError
from droidscope.exposition.page import Page
from droidscope.exposition.renderer import Renderer
from droidscope.head.head import Head
from droidscope.ingest.grpc import OtlpGrpc
from droidscope.ingest.http import OtlpHttp
from droidscope.mapping.mapper import Mapper
from droidscope.pipeline.pipeline import Pipeline
from droidscope.selfmetrics import SelfMetrics
from droidscope.store.store import Store
from droidscope.views.head_reader import HeadReader
from droidscope.views.landing_summary import build_summary
from droidscope.views.metrics_page import MetricsPageParts
from droidscope.web.asgi import web_app

log = structlog.get_logger(__name__)

COLLECTIONS: Final = (50_000, 20, 50)
"""
New objects before the garbage collector looks at the young, and its looks before it looks at older ones.
"""
STOP_SECONDS: Final = 2.0
"""
Time requests under way get to end at a stop.
"""


class Exporter:
    """
    One exporter. `run` serves until SIGTERM or SIGINT.

    *announce* gets the one line that says it is ready.

    Raises:
        ConfigError: If the file of limits has a fault.
        StoreError: If the store cannot be used.
    """

    def __init__(self, settings: Settings, announce: Callable[[str], None] = print) -> None:
        self._settings = settings
        self._announce = announce
        shown = view_settings(
            settings
        )  # first, since a fault in the file of limits must leave the store alone
        self._ready = threading.Event()
        self._phase = "starting: the log is being replayed"
        self.meter = SelfMetrics(__version__, settings.queue_limit_bytes)
        self.store = Store(settings.store, **store_options(settings))
        head = Head(head_settings(settings), series_limits(settings), foreign_settings(settings))
        self.pipeline = Pipeline(
            self.store,
            head,
            Mapper(tuple(settings.resource_labels.values())),
            self.meter,
            queue_limit_bytes=settings.queue_limit_bytes,
        )
        self.meter.queue_bytes(lambda: self.pipeline.queued_bytes)
        self._reader = HeadReader(self.pipeline, shown)
        parts = MetricsPageParts(self._reader, self.store, self.meter)
        self._page = Page(parts.by_name(renderer := Renderer(shown.resource_labels)), renderer)

    async def run(self) -> None:
        """
        Start, serve, and stop in order: ports first, then the store. Told to stop while the log is
        replayed, leave it at that.

        Raises:
            ConfigError: If an address cannot be bound.
            StoreError: If the store is damaged.
        """
        stopping = asyncio.Event()

        def stop() -> None:
            stopping.set()
            self.pipeline.interrupt()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        settings, limits = self._settings, request_limits(self._settings)
        web = _Server(self._web(), settings.listen, "listen")
        otlp_http = _Server(OtlpHttp(self.pipeline, limits, self.meter), settings.otlp_http, "otlp_http")
        otlp_grpc = OtlpGrpc(self.pipeline, str(settings.otlp_grpc), limits, self.meter)
        async with web:
            if not await asyncio.to_thread(self._recover):
                return
            _collect_less()
            self.pipeline.start()
            try:
                async with otlp_http:
                    grpc_port = otlp_grpc.start()
                    self._ready.set()
                    grpc_address = settings.otlp_grpc._replace(port=grpc_port)
                    self._announce(self._ready_line(web.address, otlp_http.address, grpc_address))
                    await stopping.wait()
                    self._phase = "stopping"
                    self._ready.clear()
                    log.info("exporter_stopping")
                    # All at once: each port may have clients that use up their time.
                    web.stop_soon()
                    otlp_http.stop_soon()
                    await asyncio.to_thread(otlp_grpc.stop, STOP_SECONDS)
            finally:
                await asyncio.to_thread(self.pipeline.stop)
        log.info("exporter_stopped")

    def _web(self) -> Any:  # noqa: ANN401 - an ASGI application
        return web_app(
            self._page.render,
            self._readiness,
            lambda: build_summary(self._reader),
            reader=self._reader,
            version=__version__,
        )

    def _readiness(self) -> Readiness:
        if self._ready.is_set():
            return Readiness(ready=True)
        return Readiness(ready=False, message=self._phase)

    def _recover(self) -> bool:
        """
        Replay the log; False if that was interrupted.
        """
        replayed = self.pipeline.recover(lambda frames: log.info("log_replay_progress", frames=frames))
        if replayed is None:
            log.info("log_replay_interrupted")
            return False
        log.info("store_opened", path=str(self._settings.store), replayed_requests=replayed)
        return True

    def _ready_line(self, web: Address, otlp_http: Address, otlp_grpc: Address) -> str:
        return (
            f"droidscope {__version__} is ready: OTLP/gRPC on {otlp_grpc}, OTLP/HTTP on {otlp_http}, "
            f"pages on http://{web}, store in {self._settings.store}"
        )


class _Server:
    """
    uvicorn on one address, as a context; signals are the exporter's business.
    """

    def __init__(self, app: Any, address: Address, setting: str) -> None:  # noqa: ANN401 - an ASGI application
        self._setting = setting
        self._socket = _bound(address, setting)
        self.address = address._replace(port=self._socket.getsockname()[1])
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=round(STOP_SECONDS),
            timeout_keep_alive=75,
        )
        self._server = _Uvicorn(config)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started and not self._task.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.005)
        if not self._server.started:
            # Bound, but not listening: two sockets may be bound to an address of which one only can listen.
            self._socket.close()
            error = self._task.exception()
            raise _unusable(self.address, self._setting, error) from error

    def stop_soon(self) -> None:
        """
        Take no new connections, and give those there are until `STOP_SECONDS` from now.
        """
        self._server.should_exit = True

    async def __aexit__(self, *_: object) -> None:
        self.stop_soon()
        if self._task is not None:
            await self._task


class _Uvicorn(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """
        Leave signals alone.
        """
        yield


def _collect_less() -> None:
    """
    Have the garbage collector look less often, and never at what was there at the start.

    A request becomes tens of thousands of objects, nearly all of which go by themselves: to look for
    cycles after every 700 of them costs a tenth of the ingest and finds none.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTIONS)


def _bound(address: Address, setting: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise _unusable(address, setting, error) from error
    return listener


def _unusable(address: Address, setting: str, error: BaseException | None) -> ConfigError:
    reason = error.strerror if isinstance(error, OSError) else error
    return ConfigError(f"{setting} is {address}, which cannot be bound: {reason}")
