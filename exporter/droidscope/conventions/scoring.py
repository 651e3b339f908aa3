"""
Numbers of the KPI definitions that formulas, rules, boards and help texts share.
"""

from __future__ import annotations

from typing import Final

Z_95: Final = 1.959964
"""
Quantile of the normal distribution that bounds a two-sided 95 % interval (docs/kpis.md#conventions).
"""

RANKING_MINIMUM: Final = 5
"""
Sessions or tasks from which a pattern or droid is ranked (docs/kpis.md#rankings-and-insights).
"""

SLOW_FACTOR: Final = 1.5
"""
How many times its baseline a duration must exceed to be slow.
"""

EFFICIENCY_WEIGHTS: Final = {
    "completion": 30,
    "quality": 25,
    "collaboration": 20,
    "(1 - error)": 15,
    "response": 10,
}
"""
Weights of the parts of a droid's efficiency score, in percent.
"""

EFFICIENCY_FORMULA: Final = " + ".join(
    f"{weight / 100:.2f} {part}" for part, weight in EFFICIENCY_WEIGHTS.items()
)
"""
The same as descriptions write it.
"""
