"""The sheets that a new sandbox holds, each made from a fixed seed."""

from collections.abc import Callable

from local.smartsheet.samples.backlog import backlog
from local.smartsheet.samples.build import Sample
from local.smartsheet.samples.project_plan import project_plan
from local.smartsheet.samples.proposals import proposals
from local.smartsheet.samples.small import closed_decisions, maintenance_rota, risk_register

SAMPLES: list[Callable[[], Sample]] = [
    project_plan,
    proposals,
    backlog,
    risk_register,
    closed_decisions,
    maintenance_rota,
]
