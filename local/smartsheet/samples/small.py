"""Three small sheets: an empty one, a read-only one, and one that belongs to somebody else."""

from local.smartsheet.accounts import EDITOR, OTHER
from local.smartsheet.cells import Cell
from local.smartsheet.columns import Column
from local.smartsheet.samples.build import Sample, SampleRow, read_table
from local.smartsheet.values import text_cell


def risk_register() -> Sample:
    """Columns without a single row: what a new sheet looks like."""
    return Sample(
        "risk register",
        "Risk register",
        [
            Column(0, "Risk", "TEXT_NUMBER", primary=True, width=320),
            Column(0, "Category", "PICKLIST", options=["Delivery", "Financial", "Legal", "People", "Reputation"]),
            Column(0, "Likelihood", "PICKLIST", options=["Low", "Medium", "High"]),
            Column(0, "Impact", "PICKLIST", options=["Low", "Medium", "High"]),
            Column(0, "Owner", "CONTACT_LIST"),
            Column(0, "Review on", "DATE"),
            Column(0, "Mitigation", "TEXT_NUMBER", width=400),
        ],
        [],
        shares={EDITOR.id: "ADMIN"},
    )


def closed_decisions() -> Sample:
    """A closed record that nobody may change."""
    rows = [
        SampleRow(
            {
                "Decision": text_cell(each["decision"]),
                "Date": Cell(each["date"]),
                "Outcome": text_cell(each["outcome"]),
                "Reason": text_cell(each["reason"]),
            }
        )
        for each in read_table("decisions")
    ]
    columns = [
        Column(0, "Decision", "TEXT_NUMBER", primary=True, width=300),
        Column(0, "Date", "DATE"),
        Column(0, "Outcome", "PICKLIST", options=["Approved", "Deferred", "Rejected"]),
        Column(0, "Reason", "TEXT_NUMBER", width=420),
    ]
    return Sample("closed decisions", "Board decisions 2024 (closed)", columns, rows, read_only=True)


def maintenance_rota() -> Sample:
    """A sheet of another organisation, shared with nobody."""
    rows = [
        SampleRow(
            {
                "Job": text_cell(each["job"]),
                "Crew": text_cell(each["crew"]),
                "Date": Cell(each["date"]),
                "Remarks": text_cell(each["remarks"]),
            }
        )
        for each in read_table("rota")
    ]
    columns = [
        Column(0, "Job", "TEXT_NUMBER", primary=True, width=260),
        Column(0, "Crew", "PICKLIST", options=["Contractor", "Crew A", "Crew B", "Crew C"]),
        Column(0, "Date", "DATE"),
        Column(0, "Remarks", "TEXT_NUMBER", width=320),
    ]
    return Sample("maintenance rota", "Quay maintenance rota", columns, rows, owner=OTHER)
