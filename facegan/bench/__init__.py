"""Benchmarks: data, training and sampling on this machine, beside what people would use instead."""

from facegan.bench.data import bench_data
from facegan.bench.training import bench_sample, bench_train

__all__ = ["bench_data", "bench_sample", "bench_train"]
