"""
An orchestrator class that exists: a mixin makes each of its runs a session, whatever it returns.

    droidscope serve &
    python examples/mixin.py
"""

import droidscope as ds

ds.configure(service_name="example-mixin")


class Orchestrator:
    """
    Somebody's, unchanged: it reports failure by what it returns.
    """

    def run(self, request):
        return {"success": request != "impossible", "request": request}


class Analytics(ds.AnalyticsOrchestrator, Orchestrator):
    """
    The same, with sessions.
    """

    analytics_method = "run"  # execute_task and executeTask are found by themselves

    def analytics_pattern(self, request):  # or a name; must come from a bounded set
        return "short" if len(request) < 5 else "long"

    # `{"success": False}` counts as failed: `outcome_of(result)` knows common shapes, and can be overridden.

    # A service that goes on overrides `handle_alerts(self, alerts)`: called after a session, on a thread of
    # its own, if there are any. A script asks before it ends, as below.


orchestrator = Analytics()
for request in ("fast", "faster", "impossible"):
    print(orchestrator.run(request))
print("active alerts of this orchestrator:", len(orchestrator.check_alerts()))

print("""expect
sessions: 2 completed, 1 failed""")
