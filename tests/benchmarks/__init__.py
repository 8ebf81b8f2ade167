"""The project's own benchmarks: side by side, interleaved, as ratios with intervals. `make bench` runs them."""
