"""One way to share work: a job is loaded, split, run and joined, by processes and ranks (docs/scale.md)."""

from .crew import Crew, sample_ranges
from .job import Facts, Job
from .run import Team, run_job

__all__ = ["Crew", "Facts", "Job", "Team", "run_job", "sample_ranges"]
