"""
What is shown of the head: `pages` for the metrics and the live page, `answers` for the API.

`evidence` is what the alerts are judged by.
"""
