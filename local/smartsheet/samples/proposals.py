"""Three hundred research proposals with long texts, and empty columns for what is to be found out about them."""

import random
from collections.abc import Iterator
from datetime import date, timedelta

from local.smartsheet.accounts import EDITOR, PEOPLE, VIEWER
from local.smartsheet.cells import Cell
from local.smartsheet.columns import Column
from local.smartsheet.samples.build import Sample, SampleRow
from local.smartsheet.samples.fields import FIELDS
from local.smartsheet.samples.prose import Writer
from local.smartsheet.values import number_cell, text_cell

COUNT = 300
_PROGRAMMES = ["Bridge Fellowships", "Climate and Health", "Open Call", "People and Places", "Seed Fund"]
_STAGES = ["Submitted", "Eligible", "In review", "Shortlisted", "Declined", "Awarded"]
_FIRST = [
    *("Aino", "Bence", "Catarina", "Daan", "Eszter", "Fiona", "Giorgos", "Hanna", "Ivo", "Jelena"),
    *("Karim", "Leila", "Matteo", "Noor", "Oskar", "Petra", "Rania", "Sven", "Tereza", "Wout"),
]
_LAST = [
    *("Albrecht", "Byrne", "Costa", "Dvořák", "Eriksen", "Farkas", "Georgiou", "Hoxha", "Ivanova", "Jansen"),
    *("Kowalczyk", "Larsen", "Müller", "Nagy", "Okafor", "Petrović", "Rossi", "Sánchez", "Tamm", "Vermeulen"),
]
_INSTITUTIONS = [
    ("University of Turku", "Finland"),
    ("Eötvös Loránd University", "Hungary"),
    ("University of Porto", "Portugal"),
    ("Delft University of Technology", "Netherlands"),
    ("Queen's University Belfast", "United Kingdom"),
    ("University of Ljubljana", "Slovenia"),
    ("Aristotle University of Thessaloniki", "Greece"),
    ("University of Bergen", "Norway"),
    ("Charles University", "Czechia"),
    ("University of Basel", "Switzerland"),
    ("Leibniz Institute for Baltic Sea Research", "Germany"),
    ("Ghent University", "Belgium"),
]

COLUMNS = [
    Column(0, "Title", "TEXT_NUMBER", primary=True, width=360),
    Column(0, "Reference", "TEXT_NUMBER"),
    Column(0, "Applicant", "TEXT_NUMBER"),
    Column(0, "Institution", "TEXT_NUMBER", width=240),
    Column(0, "Country", "TEXT_NUMBER"),
    Column(0, "Programme", "PICKLIST", options=_PROGRAMMES),
    Column(0, "Field", "PICKLIST", options=[field.name for field in FIELDS]),
    Column(0, "Stage", "PICKLIST", options=_STAGES),
    Column(0, "Submitted", "DATE"),
    Column(0, "Requested (EUR)", "TEXT_NUMBER"),
    Column(0, "Months", "TEXT_NUMBER"),
    Column(0, "Programme officer", "CONTACT_LIST"),
    Column(0, "Panel members", "MULTI_CONTACT_LIST", width=220),
    Column(0, "Abstract", "TEXT_NUMBER", width=600),
    Column(0, "Expected benefit", "TEXT_NUMBER", width=400),
    Column(0, "Summary", "TEXT_NUMBER", width=400),
    Column(0, "Alignment score", "TEXT_NUMBER"),
    Column(0, "Key terms", "TEXT_NUMBER", width=240),
    Column(0, "Category", "TEXT_NUMBER"),
]


def proposals() -> Sample:
    """The proposals of one round."""
    shares = {EDITOR.id: "ADMIN", VIEWER.id: "VIEWER"}
    return Sample("proposals", "Research proposals, autumn round", COLUMNS, _rows(), shares=shares)


def _rows() -> Iterator[SampleRow]:
    chance = random.Random("research proposals")
    staff = [email for email in PEOPLE if email.endswith("@halden.example")]
    for number in range(1, COUNT + 1):
        field = chance.choice(FIELDS)
        writer = Writer(field, chance)
        institution, country = chance.choice(_INSTITUTIONS)
        submitted = date(2025, 8, 18) + timedelta(days=chance.randrange(43))
        panel = chance.sample(staff, chance.choice([2, 2, 3]))
        names = ", ".join(PEOPLE[email] for email in panel)
        contacts = [{"objectType": "CONTACT", "email": email, "name": PEOPLE[email]} for email in panel]
        officer = chance.choice(staff[:6])
        yield SampleRow(
            {
                "Title": text_cell(writer.title()),
                "Reference": text_cell(f"HRT-25-{number:04d}"),
                "Applicant": text_cell(f"{chance.choice(_FIRST)} {chance.choice(_LAST)}"),
                "Institution": text_cell(institution),
                "Country": text_cell(country),
                "Programme": text_cell(chance.choice(_PROGRAMMES)),
                "Field": text_cell(field.name),
                "Stage": text_cell(chance.choices(_STAGES, [10, 20, 35, 12, 15, 8])[0]),
                "Submitted": Cell(submitted.isoformat()),
                "Requested (EUR)": number_cell(chance.randrange(40, 900) * 500),
                "Months": number_cell(chance.choice([12, 18, 24, 30, 36])),
                "Programme officer": Cell(officer, PEOPLE[officer]),
                "Panel members": Cell(names, names, {"objectType": "MULTI_CONTACT", "values": contacts}),
                "Abstract": text_cell(writer.abstract()),
                "Expected benefit": text_cell(writer.benefit()),
            },
            created_at=f"{submitted.isoformat()}T{chance.randrange(7, 20):02d}:{chance.randrange(60):02d}:00Z",
        )
