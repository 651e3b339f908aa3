"""
Renders Prometheus rules, Alertmanager routes and Grafana dashboards from `conventions`.

    python -m droidscope.mixin            write every rendered file of the repository
    python -m droidscope.mixin --check    show what differs from the committed files; fail if any does
"""
