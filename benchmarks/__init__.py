"""What is fast, against the floor of the machine: `python -m benchmarks`; see docs/performance.md."""
