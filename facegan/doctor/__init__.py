"""Diagnosis of trainings by rules on curves, pictures, and held-out faces.

`diagnose` is also `fg.diagnose`; on the command line, `facegan doctor RUN`.
"""

from facegan.doctor.diagnose import diagnose, in_brief
from facegan.doctor.verdicts import VERDICTS, Diagnosis, Verdict

__all__ = ["VERDICTS", "Diagnosis", "Verdict", "diagnose", "in_brief"]
