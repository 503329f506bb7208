"""The web UI's own functions beside ours, in turns: `python -m benchmarks --compare CHECKOUT`."""

from .charts import chart
from .report import TITLE, panels, tables
from .run import Checkout, compared

__all__ = ["TITLE", "Checkout", "chart", "compared", "panels", "tables"]
