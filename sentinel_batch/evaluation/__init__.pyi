from .bench import BenchPlan as BenchPlan
from .bench import bench_detection as bench_detection
from .comparison import VariantPlan as VariantPlan
from .comparison import bench_variants as bench_variants
from .report import render_report as render_report
from .variant_report import render_variants as render_variants
