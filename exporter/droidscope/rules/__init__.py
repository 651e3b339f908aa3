"""
Renders Prometheus rules and Alertmanager routes from `conventions`.

    python -m droidscope.rules            write prometheus/ and alertmanager/ of the repository
    python -m droidscope.rules --check    show what differs from the committed files; fail if any does
"""
