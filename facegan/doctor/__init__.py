"""Diagnoses runs with rules on curves, pictures, and held-out faces.

`diagnose` is also available as `fg.diagnose`, and on the command line as `facegan doctor RUN`.
"""

from facegan.doctor.diagnose import diagnose, in_brief
from facegan.doctor.verdicts import VERDICTS, Diagnosis, Verdict

__all__ = ["VERDICTS", "Diagnosis", "Verdict", "diagnose", "in_brief"]
