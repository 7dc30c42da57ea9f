"""A project plan: hierarchy, dependencies, formulas, and every column type there is."""

from local.smartsheet.accounts import EDITOR, PEOPLE
from local.smartsheet.cells import Cell
from local.smartsheet.columns import Column
from local.smartsheet.samples.build import Sample, SampleRow, read_table
from local.smartsheet.values import Rules, number_cell, read_object, read_value, text_cell

_DISCIPLINES = ["Facilities", "Finance", "IT", "Legal", "People", "Science"]
_STATUS = ["Not started", "In progress", "At risk", "Complete"]

COLUMNS = [
    Column(0, "Task", "TEXT_NUMBER", primary=True, width=340),
    Column(0, "No.", "TEXT_NUMBER", system="AUTO_NUMBER", auto={"prefix": "LR-", "fill": "000", "next": 1}),
    Column(0, "Status", "PICKLIST", options=_STATUS, validation=True),
    Column(0, "Health", "PICKLIST", options=["Red", "Yellow", "Green"], symbol="RYG", width=60),
    Column(0, "Lead", "CONTACT_LIST"),
    Column(0, "Reviewers", "MULTI_CONTACT_LIST", width=200),
    Column(0, "Disciplines", "MULTI_PICKLIST", options=_DISCIPLINES),
    Column(0, "Start", "ABSTRACT_DATETIME", tags=["GANTT_START_DATE", "CALENDAR_START_DATE"]),
    Column(0, "Finish", "ABSTRACT_DATETIME", tags=["GANTT_END_DATE", "CALENDAR_END_DATE"]),
    Column(0, "Duration", "DURATION", tags=["GANTT_DURATION"]),
    Column(0, "Predecessors", "PREDECESSOR", tags=["GANTT_PREDECESSOR"]),
    Column(0, "Progress", "TEXT_NUMBER", description="Share of the work that is done, 0 to 1"),
    Column(0, "Budget", "TEXT_NUMBER"),
    Column(0, "Spent", "TEXT_NUMBER"),
    Column(0, "Remaining", "TEXT_NUMBER", formula="=[Budget]@row - [Spent]@row"),
    Column(0, "Approved budget", "TEXT_NUMBER", locked=True),
    Column(0, "Milestone", "CHECKBOX", symbol="FLAG", width=60),
    Column(0, "Decision by", "DATE"),
    Column(0, "Notes", "TEXT_NUMBER", width=400),
    Column(0, "Created", "DATETIME", system="CREATED_DATE"),
    Column(0, "Created by", "CONTACT_LIST", system="CREATED_BY"),
    Column(0, "Modified", "DATETIME", system="MODIFIED_DATE"),
    Column(0, "Modified by", "CONTACT_LIST", system="MODIFIED_BY"),
]

_HEALTH = {"Complete": "Green", "In progress": "Green", "At risk": "Red", "Not started": "Yellow"}
_EMAILS = {email.split(".")[0]: email for email in PEOPLE}


def project_plan() -> Sample:
    """The plan, owned by the first account; its first phase is locked, one column too."""
    tasks = read_table("project_plan")
    rows: list[SampleRow] = []
    last_at_depth: dict[int, int] = {}
    for index, task in enumerate(tasks):
        depth = int(task["depth"])
        parent = last_at_depth.get(depth - 1)
        last_at_depth[depth] = index
        summary = index + 1 < len(tasks) and int(tasks[index + 1]["depth"]) > depth
        rows.append(SampleRow(_cells(index, task, summary=summary), parent, locked=index == 0))
    shares = {EDITOR.id: "EDITOR"}
    return Sample("project plan", "Laboratory relocation plan", COLUMNS, rows, shares=shares, dependencies=True)


def _cells(index: int, task: dict[str, str], *, summary: bool) -> dict[str, Cell]:
    columns = {column.title: column for column in COLUMNS}
    lead, note = _EMAILS[task["lead"]], task["note"]
    reviewers = [{"email": email} for email in list(PEOPLE)[index % 7 : index % 7 + 2] if email != lead]
    total = Cell(formula="=SUM(CHILDREN())")
    budget = number_cell(int(task["budget"]))
    cells = {
        "Task": text_cell(task["task"]),
        "Status": text_cell(task["status"]),
        "Health": text_cell(_HEALTH[task["status"]]),
        "Lead": Cell(lead, PEOPLE[lead]),
        "Reviewers": read_object(columns["Reviewers"], {"objectType": "MULTI_CONTACT", "values": reviewers}, Rules()),
        "Disciplines": read_value(columns["Disciplines"], task["disciplines"], Rules(strict=False)),
        "Start": Cell(f"{task['start']}T08:00:00"),
        "Duration": text_cell(f"{task['days']}d"),
        "Predecessors": text_cell(task["predecessors"]),
        "Progress": number_cell(float(task["progress"])),
        "Budget": total if summary else budget,
        "Spent": total if summary else number_cell(int(task["spent"])),
        "Approved budget": Cell() if summary else budget,
        "Milestone": Cell(task["milestone"] == "yes"),
        "Decision by": Cell(task["decision by"] or None),
        "Notes": text_cell(note),
    }
    if task["link"]:
        cells["Notes"] = Cell(note, note, hyperlink={"url": task["link"]})
    return cells
