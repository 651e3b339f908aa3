"""
A plain script: one session after the other, with a retry, a tool, a model call, and one that fails.

    droidscope serve &
    python examples/plain.py
"""

import droidscope as ds

ds.configure(service_name="example-plain")  # sends to $OTEL_EXPORTER_OTLP_ENDPOINT, by default this machine


@ds.session(pattern="bug-fix")
def fix(bug):
    with ds.phase("diagnosis"):
        diagnose(bug)
    with ds.phase("repair"):
        return repair(bug)


@ds.task(droid="debugger", type="diagnosis")
def diagnose(bug):
    with ds.tool("search"):
        found = bug.upper()
    with ds.model_call("claude-sonnet-4-5") as call:
        call.used(input_tokens=1200, output_tokens=80)  # call.usage(response) reads a provider's own object
    return found


@ds.task(droid="developer", type="repair")  # outside of the retries: one task ...
def repair(bug):
    try:
        return try_to_repair(bug, patient=False)
    except TimeoutError:
        return try_to_repair(bug, patient=True)


@ds.attempt  # ... and inside of them: each try is an attempt
def try_to_repair(bug, *, patient):
    if bug == "unfixable" or not patient:
        raise TimeoutError
    ds.output(files_created=1, code_quality=ds.ten(9.2))
    return f"{bug}: fixed"


for bug in ("typo", "leak", "unfixable"):
    try:
        print(fix(bug))
    except TimeoutError:  # droidscope has seen it, and passes it on
        print(f"{bug}: not fixed")

print("""expect
sessions: 2 completed, 1 failed
phases: 5 completed, 1 failed
tasks: 5 completed, 1 failed
attempts: 5 succeeded, 4 failed
retries: 3
tools: 3 succeeded
models: 3 succeeded
tokens: 3600 input, 240 output
files: 2""")
