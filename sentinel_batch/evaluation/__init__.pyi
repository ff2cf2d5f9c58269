from .bench import BenchPlan as BenchPlan
from .bench import bench_detection as bench_detection
from .report import render_report as render_report
