"""
What is read from the head, under its lock, to be shown.

`head_reader` is the one way to it. `metrics_page` has the parts of `/metrics`, `landing_summary` the numbers
of the landing page; `alert_inputs`, `droid_status` and `insight_cache` compute what both and the API show.
"""
