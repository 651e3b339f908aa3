"""
The JSON API: what may be asked, what is answered, and the OpenAPI document of both.

Each subject (sessions, droids, patterns, insights, alerts, messages, the dashboard) has one module of
handlers: the structs of its parameters, the functions that answer, and the declarations of its endpoints.
`endpoints` lists them all; `routes` and `openapi` are derived from that list. `schema` has the answers.

A struct is declared once. One whose fields have the names and units of the wire is answered as it is,
wherever it is declared: those of `insights` (`Bottleneck`, `Recommendation`, `ActiveAlert`, `Trend`, ...),
`kpi.patterns.FailurePoint`, `views.landing_summary.LandingSummary`. `schema` declares an answer only where
the wire differs from what is stored, because it is in other units (seconds for nanoseconds) or joins several
sources, and under a name of its own. The structs of KPIs are derived from the catalogue (`kpi_schema`).
"""
