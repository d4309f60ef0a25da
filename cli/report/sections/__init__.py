"""The sections of a report, in their order: a new one is a file here and a row in this table."""

from __future__ import annotations

from cli.report.parts import Section

from .budget import budget
from .courses import courses
from .devices import devices
from .divergence import divergence
from .executors import executors
from .network import network
from .one_step import one_step
from .overview import overview
from .search import search
from .sites import sites
from .tables import tables
from .training import training

__all__ = ["SECTIONS"]

SECTIONS = (
    Section("overview", "At a glance", (), overview),
    Section("search", "The search", ("trials", "front", "question"), search),
    Section("network", "The network", ("network",), network),
    Section("courses", "Spikes, membranes and drives", ("traces",), courses),
    Section("divergence", "Where they first part", ("first_divergence",), divergence),
    Section("budget", "Error budget", ("budget",), budget),
    Section("one_step", "Errors of one step", ("one_step_lsb",), one_step),
    Section("sites", "Head-room of every site", ("sites",), sites),
    Section("tables", "Tables", ("tables",), tables),
    Section("executors", "Executors", ("executors",), executors),
    Section("devices", "Devices", ("devices",), devices),
    Section("training", "Training", ("training",), training),
)
