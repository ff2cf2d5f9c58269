from .charts import chart_heatmap as chart_heatmap
from .charts import chart_scatter as chart_scatter
from .charts import chart_severity as chart_severity
from .charts import chart_timeline as chart_timeline
from .output import ReportFiles as ReportFiles
from .output import write_report as write_report
from .score_chart import chart_scores as chart_scores
