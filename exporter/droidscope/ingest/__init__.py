"""
The ports: OTLP over HTTP and gRPC, from bytes on the wire to an acknowledged request.

`http` and `grpc` are the ports, `decode` turns an accepted body into `model.otlp`. Both ports hand
what they accept to a `Sink`, and answer as soon as the request is durable.
"""

from droidscope.ingest.sink import Limits, PortMeter, Receipt, Signal, Sink, Transport

__all__ = ["Limits", "PortMeter", "Receipt", "Signal", "Sink", "Transport"]
