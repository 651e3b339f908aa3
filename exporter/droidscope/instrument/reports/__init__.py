"""
Reports of test and analysis tools -> scores; one file a format. What no report gives stays None, never 0.

A further format is a file here with a function `add`, its row in `measures.FORMATS`, its keyword in
`outputs.OutputFields`, a test and a row in docs/instrumentation.md#reports.
"""
