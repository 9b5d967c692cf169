"""Benchmarks of data loading, training, and sampling, in comparison with the usual alternatives."""

from facegan.bench.data import bench_data
from facegan.bench.training import bench_sample, bench_train

__all__ = ["bench_data", "bench_sample", "bench_train"]
