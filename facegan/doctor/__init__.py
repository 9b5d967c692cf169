"""Diagnosis of trainings: rules on curves, on pictures, and on faces that D has not seen.

`diagnose` is also `fg.diagnose`; on the command line, `facegan doctor RUN`.
"""

from facegan.doctor.diagnose import diagnose, in_brief
from facegan.doctor.verdicts import VERDICTS, Diagnosis, Verdict

__all__ = ["VERDICTS", "Diagnosis", "Verdict", "diagnose", "in_brief"]
