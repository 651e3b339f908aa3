"""
The road from a record to its acknowledgement: a bounded queue, OTLP over HTTP or gRPC, files for what cannot
be sent, and the end of the process.

Nothing here blocks the caller's work, except `Sender.flush`, `Sender.shutdown` and the end of the process.
"""
