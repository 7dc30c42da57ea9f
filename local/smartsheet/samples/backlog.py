"""A service backlog of 20,000 tickets: the largest sheet there may be, by rows."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import accumulate

from local.smartsheet.accounts import EDITOR, PEOPLE
from local.smartsheet.cells import Cell
from local.smartsheet.columns import Column
from local.smartsheet.samples.build import Sample, SampleRow
from local.smartsheet.values import number_cell, text_cell

COUNT = 20_000
_SYSTEMS = [
    *("Award portal", "Badge readers", "Data warehouse", "E-mail", "Finance ledger", "Grant database", "HR records"),
    *("Intranet", "Lab booking", "Payments gateway", "Reviewer portal", "Single sign-on", "Video rooms", "VPN"),
]
_SYMPTOMS = [
    ("shows an empty page after sign-in", "Signing in works, then nothing but the header appears."),
    ("rejects attachments above 10 MB", "The upload stops at a third and the form loses what was typed."),
    ("sends every reminder twice", "Recipients get the same reminder four minutes apart."),
    ("rounds amounts to whole euros", "The total differs from the sum of the lines by up to 40 cents."),
    ("logs users out while they type", "It happens after about five minutes, also when the page is in use."),
    ("loses the sort order on export", "The exported file comes in the order of creation, whatever the screen shows."),
    ("cannot be reached from the Lisbon office", "A trace ends at the provider's second hop; other offices are fine."),
    ("displays dates in the American order", "Third of April is read as fourth of March; two deadlines were missed."),
    ("is slow on Monday mornings", "Pages take 20 to 40 seconds between eight and nine o'clock."),
    ("does not accept names with apostrophes", "O'Brien and D'Angelo are told that their name is invalid."),
    ("keeps access for people who left", "The nightly job has skipped departures since the last upgrade."),
    ("prints the old logo on letters", "Only letters made from the second template are affected."),
    ("ignores the out-of-office setting", "Approvals still go to absent managers and are not forwarded."),
    ("fails the accessibility check", "The date picker cannot be reached with the keyboard."),
    ("duplicates supplier records", "A second record appears when the tax number contains blanks."),
]
_CONTEXT = [
    "First noticed by {who} on the day after the maintenance window.",
    "About {n} people are affected, most of them in {team}.",
    "A workaround exists: open a private window and repeat the step.",
    "It was reported before under another key and closed as not reproducible.",
    "{team} cannot close the month until this is settled.",
    "The log shows error {code} each time.",
    "It does not happen on the test system.",
    "The supplier was informed and has given case number {code}-{n}.",
]
_TEAMS = ["Finance", "Legal", "Programmes", "Communications", "People", "Facilities", "Research Office"]
_TYPES = ["Incident", "Request", "Change", "Question", "Problem"]
_STATUS = ["New", "Triaged", "In progress", "Waiting for user", "Resolved", "Closed"]
_PRIORITIES = ["Critical", "High", "Medium", "Low"]
_REGIONS = ["Central", "Iberia", "Nordics", "British Isles", "Balkans"]
_CHANNELS = ["E-mail", "Phone", "Portal", "Walk-in"]
_LABELS = ["access", "billing", "data quality", "network", "performance", "regression", "training", "vendor"]
_NAMES = list(PEOPLE.values())
_FIRST_DAY = date(2024, 1, 2)
_OPEN = ("New", "Triaged", "In progress", "Waiting for user")

COLUMNS = [
    Column(0, "Ticket", "TEXT_NUMBER", primary=True, width=340),
    Column(0, "Key", "TEXT_NUMBER"),
    Column(0, "Type", "PICKLIST", options=_TYPES),
    Column(0, "Status", "PICKLIST", options=_STATUS),
    Column(0, "Priority", "PICKLIST", options=_PRIORITIES),
    Column(0, "System", "PICKLIST", options=_SYSTEMS),
    Column(0, "Team", "PICKLIST", options=_TEAMS),
    Column(0, "Region", "PICKLIST", options=_REGIONS),
    Column(0, "Channel", "PICKLIST", options=_CHANNELS),
    Column(0, "Reporter", "TEXT_NUMBER"),
    Column(0, "Assignee", "CONTACT_LIST"),
    Column(0, "Opened", "DATE"),
    Column(0, "Due", "DATE"),
    Column(0, "Resolved", "DATE"),
    Column(0, "Hours", "TEXT_NUMBER"),
    Column(0, "Reopened", "TEXT_NUMBER"),
    Column(0, "Blocked", "CHECKBOX"),
    Column(0, "Labels", "MULTI_PICKLIST", options=_LABELS),
    Column(0, "Description", "TEXT_NUMBER", width=480),
    Column(0, "Triage note", "TEXT_NUMBER", width=320),
]


def backlog() -> Sample:
    """The tickets, oldest first."""
    return Sample("backlog", "Service desk backlog", COLUMNS, _rows(), shares={EDITOR.id: "EDITOR"})


def _rows() -> Iterator[SampleRow]:
    chance = random.Random("service desk backlog")
    assignees = [Cell(email, name) for email, name in PEOPLE.items()]
    choices = {
        title: [text_cell(option) for option in options]
        for title, options in (("Type", _TYPES), ("Region", _REGIONS), ("Channel", _CHANNELS), ("Team", _TEAMS))
    }
    status_weights = list(accumulate([6, 8, 12, 7, 22, 45]))
    for number in range(1, COUNT + 1):
        opened = _FIRST_DAY + timedelta(days=number * 660 // COUNT)
        status = chance.choices(_STATUS, cum_weights=status_weights)[0]
        priority = chance.choices(_PRIORITIES, [3, 17, 50, 30])[0]
        system = chance.choice(_SYSTEMS)
        symptom, detail = chance.choice(_SYMPTOMS)
        cells = {
            "Ticket": text_cell(f"{system} {symptom}"),
            "Key": text_cell(f"SD-{number:05d}"),
            **{title: chance.choice(cells) for title, cells in choices.items()},
            "Status": text_cell(status),
            "Priority": text_cell(priority),
            "System": text_cell(system),
            "Reporter": text_cell(chance.choice(_NAMES)),
            "Assignee": chance.choice(assignees),
            "Opened": Cell(opened.isoformat()),
            "Due": Cell((opened + timedelta(days=2 + 7 * _PRIORITIES.index(priority))).isoformat()),
            "Hours": number_cell(chance.randrange(1, 160) / 4),
            "Reopened": number_cell(chance.choice([0, 0, 0, 0, 1, 2])),
            "Blocked": Cell(status in _OPEN and chance.random() < 0.15),
            "Labels": _labels(chance),
            "Description": text_cell(_description(chance, system, symptom, detail)),
        }
        if status not in _OPEN:
            cells["Resolved"] = Cell((opened + timedelta(days=chance.randrange(30))).isoformat())
        at = f"{opened.isoformat()}T{chance.randrange(7, 19):02d}:{chance.randrange(60):02d}:00Z"
        yield SampleRow(cells, created_at=at, modified_at=at)


def _labels(chance: random.Random) -> Cell:
    labels = sorted(chance.sample(_LABELS, chance.choice([0, 1, 1, 2, 3])))
    if not labels:
        return Cell()
    text = ", ".join(labels)
    return Cell(text, text, {"objectType": "MULTI_PICKLIST", "values": labels})


def _description(chance: random.Random, system: str, symptom: str, detail: str) -> str:
    context = [
        template.format(
            who=chance.choice(_NAMES),
            n=chance.randrange(2, 240),
            team=chance.choice(_TEAMS),
            code=chance.choice([403, 409, 500, 502, 504, 1205, 8011]),
        )
        for template in chance.sample(_CONTEXT, chance.choice([1, 2, 3]))
    ]
    return " ".join([f"{system} {symptom}.", detail, *context])
