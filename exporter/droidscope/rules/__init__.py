"""
Renders Prometheus rules, Alertmanager routes and Grafana dashboards from `conventions`.

    python -m droidscope.rules            write every rendered file of the repository
    python -m droidscope.rules --check    show what differs from the committed files; fail if any does
"""
