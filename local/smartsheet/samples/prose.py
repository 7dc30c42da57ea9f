"""Texts of research proposals, put together sentence by sentence so that no two say the same."""

import random
from dataclasses import dataclass

from local.smartsheet.samples.fields import ResearchField

_OPENINGS = [
    "In {place}, as elsewhere, {objects} {problem}.",
    "{Objects} {problem}. This proposal takes {place} as its case.",
    "It has been known for years that {objects} {problem}; what has been missing is a study large enough to act upon.",
    "Our pilot work in {place} showed that {objects} {problem}.",
    "When {users} in {place} asked us for help, their question was simple: why is it that {objects} {problem}?",
]
_GAPS = [
    "Earlier work relied on {material} alone and therefore could not separate cause from coincidence.",
    "Published figures rest on fewer than {few} cases and disagree by a factor of {factor}.",
    "The last European review on the subject appeared {years} years ago and predates {method}.",
    "Reviews agree on the symptoms, but not on the mechanism, and guidance for {users} is correspondingly vague.",
    "Two competing explanations are on the table, and they predict opposite results in {place}.",
]
_AIMS = [
    "We will combine {method} with {material} to find out which of the known explanations holds.",
    "The aim is {outcome}, tested with {users} before it is published.",
    "We ask three questions: how large the effect is, where it comes from, and what {users} can do about it.",
    "Our objective is to deliver {outcome} within {months} months and to state plainly where it fails.",
]
_PACKAGES = [
    "Work package {n} ({months} months) applies {method} at {sites} sites and is led by the group in {place}.",
    "Work package {n} assembles {material}, cleans them, and publishes them with a data paper.",
    "Work package {n} repeats {method} after {months} months to see whether the first result holds.",
    "Work package {n} brings together {users} in {sites} workshops; their objections are recorded and answered.",
    "Work package {n} compares {method} with current practice in a blinded exercise with {few} samples.",
]
_DESIGN = [
    "The sample of {many} observations gives a power of {power} percent to detect a difference of {percent} percent.",
    "The analysis plan will be registered before the first data are opened.",
    "Negative results will be reported in the same detail as positive ones.",
    "All measurements are taken twice, and disagreements above {percent} percent are resolved by a third person.",
    "A small study of costs runs alongside, because {users} will ask for it first.",
]
_TEAM = [
    "The team unites {few_people} researchers from {disciplines} disciplines, two of them doctoral candidates.",
    "The applicant has worked with {users} for {years} years and gives the project {percent} percent of her time.",
    "Partners in {place} contribute staff time worth {money} euros and ask for nothing but the results.",
    "A postdoctoral researcher with experience in {method} will be recruited in the first quarter.",
]
_IMPACT = [
    "If the project succeeds, {users} will have {outcome}; if it does not, they will know what not to buy.",
    "We expect {outcome} to be taken up first in {place}, where {users} have already agreed to test it.",
    "Beyond the discipline, the results matter because decisions worth {money} euros a year depend on them.",
    "All code and protocols will be released under an open licence on the day of the first publication.",
]
_RISKS = [
    "The main risk is that {risk}; we have therefore planned {sites} reserve sites.",
    "Should it happen that {risk}, the schedule allows {months} months of delay without loss of the core result.",
    "We are aware that {risk}, and the budget holds {percent} percent in reserve for that case.",
]
_BUDGET = [
    "The larger part of the request pays salaries; equipment is limited to {money} euros.",
    "We ask for {money} euros for travel, most of it for {users} who would otherwise not be able to take part.",
    "No overheads are claimed on the {money} euros that pass to partners.",
]
_TITLES = [
    "{Objects}: {outcome_plain}",
    "Why {objects} matter for {users}",
    "From {material} to {outcome_plain}",
    "{Method} for {objects} in {place}",
    "What {users} need to know about {objects}",
    "Rethinking {objects}: evidence from {place}",
]


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes about one field with one source of chance."""

    field: ResearchField
    chance: random.Random

    def title(self) -> str:
        """A title of one line."""
        title = self._fill(self.chance.choice(_TITLES))
        return title[0].upper() + title[1:]

    def abstract(self) -> str:
        """A summary of 150 to 400 words, in two to four paragraphs."""
        many = self.chance.choice([0, 1, 1, 2])
        background = [self._one(_OPENINGS), *self._some(_GAPS, 1 + many)]
        plan = [self._one(_AIMS), *self._packages(2 + many), *self._some(_DESIGN, 1 + many)]
        outlook = [*self._some(_TEAM, 1 + many // 2), *self._some(_IMPACT, 1 + many)]
        caution = [*self._some(_RISKS, 1 + many // 2), self._one(_BUDGET)]
        paragraphs = [background, plan, outlook, caution] if many else [background + plan, outlook + caution]
        return "\n\n".join(" ".join(paragraph) for paragraph in paragraphs)

    def benefit(self) -> str:
        """What the applicant says of the benefit, in one or two sentences."""
        return " ".join(self._some(_IMPACT, self.chance.choice([1, 2])))

    def _packages(self, count: int) -> list[str]:
        templates = self.chance.sample(_PACKAGES, count)
        return [self._fill(template.replace("{n}", str(number))) for number, template in enumerate(templates, start=1)]

    def _one(self, templates: list[str]) -> str:
        return self._fill(self.chance.choice(templates))

    def _some(self, templates: list[str], count: int) -> list[str]:
        return [self._fill(template) for template in self.chance.sample(templates, min(count, len(templates)))]

    def _fill(self, template: str) -> str:
        field, chance = self.field, self.chance
        objects, method, outcome = (
            chance.choice(field.objects),
            chance.choice(field.methods),
            chance.choice(field.outcomes),
        )
        return template.format(
            objects=objects,
            Objects=objects[0].upper() + objects[1:],
            problem=chance.choice(field.problems),
            method=method,
            Method=method[0].upper() + method[1:],
            material=chance.choice(field.materials),
            place=chance.choice(field.places),
            users=chance.choice(field.users),
            outcome=outcome,
            outcome_plain=outcome.removeprefix("a ").removeprefix("an "),
            risk=chance.choice(field.risks),
            few=chance.randrange(20, 90),
            few_people=chance.choice(["four", "five", "six", "seven", "nine"]),
            disciplines=chance.choice(["two", "three", "four"]),
            many=f"{chance.randrange(8, 120) * 100:,}",
            factor=chance.choice(["two", "three", "four", "ten"]),
            years=chance.randrange(4, 19),
            months=chance.choice([6, 9, 12, 15, 18, 24]),
            sites=chance.choice(["three", "four", "five", "six", "eight"]),
            power=chance.choice([80, 85, 90]),
            percent=chance.choice([5, 8, 10, 12, 15, 20]),
            money=f"{chance.randrange(6, 90) * 1000:,}",
        )
