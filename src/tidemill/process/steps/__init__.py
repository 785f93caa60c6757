"""Steps: plain functions that make a draft better or judge it, one after the other.

The built-ins run in the order of `registry.steps_in_order`; each may be run again without changing anything.
"""

from tidemill.process.steps.registry import Step

__all__ = ["Step"]
