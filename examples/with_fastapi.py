"""
FastAPI, in a service that already sends traces to another backend and samples them.

    droidscope serve &
    python examples/with_fastapi.py
"""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

import droidscope as ds

# The service as it was: its own provider, a backend of its own, one trace in ten.
OTHER = os.environ.get("OTHER_BACKEND", "http://127.0.0.1:4328/v1/traces")
theirs = TracerProvider(sampler=ParentBased(TraceIdRatioBased(0.1)))
theirs.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(OTHER)))
trace.set_tracer_provider(theirs)

# What is added. droidscope's records go to droidscope alone, all of them; the spans above stay as they are.
ds.configure(service_name="example-fastapi")

app = FastAPI()


@app.get("/review/{change}")
async def review(change: str):
    with trace.get_tracer("service").start_as_current_span("review request"):
        return {"verdict": await reviewed(change)}


@ds.session(pattern="review")
async def reviewed(change):
    with ds.task(droid="reviewer", type="review"):
        return len(change)


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = os.environ.get("PORT") or str(free.getsockname()[1])
    server = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "with_fastapi:app", "--port", port, "--log-level", "warning"],
        cwd=Path(__file__).parent,
    )
    url = f"http://127.0.0.1:{port}"
    while server.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/docs").close()
            break
        except OSError:
            time.sleep(0.1)
    else:
        raise SystemExit(f"the server has not started; is port {port} taken?")
    for number in range(40):
        urllib.request.urlopen(f"{url}/review/{number}").close()
    server.terminate()  # SIGTERM, as Kubernetes does: what has not been sent yet is sent now
    server.wait()

    print("""expect
sessions: 40 completed
tasks: 40 completed
attempts: 40 succeeded""")
