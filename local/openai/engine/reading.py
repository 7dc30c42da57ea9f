"""One row under one task: what the rules make of it, each part worked out once and only when asked for."""

from dataclasses import dataclass, replace
from functools import cached_property

from local.openai.engine.alignment import Alignment, align, evidence
from local.openai.engine.classification import classify, grounds
from local.openai.engine.columns import Kind, prose, read_columns, subject_matter
from local.openai.engine.documents import Document
from local.openai.engine.extraction import answer
from local.openai.engine.summary import salient, summarise
from local.openai.engine.task import Task, TaskKind
from local.openai.engine.terms import DEFAULT_TERMS, key_terms
from local.openai.engine.text import sentences, words
from local.openai.engine.vocabulary import language

_HEADLINE_WORDS = 12


@dataclass(frozen=True)
class Reading:
    """`focus` is the one thing of the row that an item of a list is about (a term, a sentence); empty for the row."""

    task: Task
    document: Document
    focus: str = ""

    @cached_property
    def text(self) -> str:
        """What the row is about, cleaned."""
        return self.focus or subject_matter(self._columns)

    @cached_property
    def everything(self) -> str:
        """All cells that say something, cleaned."""
        return self.focus or "\n\n".join(text for _, text, _ in self._columns)

    @cached_property
    def _columns(self) -> list[tuple[str, str, Kind]]:
        return read_columns(self.document)

    @cached_property
    def summary(self) -> str:
        """The row's summary within the task's limits."""
        return self.focus or summarise(self.document, self.task.limits)

    @cached_property
    def headline(self) -> str:
        """A few words that name the row."""
        return salient(self.focus or prose(self._columns), _HEADLINE_WORDS, 1).rstrip(".")

    @cached_property
    def terms(self) -> list[str]:
        """The row's key terms, best first."""
        return [self.focus] if self.focus else key_terms(self.text, self.task.max_terms or DEFAULT_TERMS)

    @cached_property
    def alignment(self) -> Alignment:
        """How the row meets the task's criterion."""
        return align(self.everything, self.task.criterion or self.task.instruction)

    @cached_property
    def evidence(self) -> list[str]:
        """The sentences that speak for the answer."""
        if self.task.kind is TaskKind.ALIGNMENT:
            return evidence(self.everything, self.task.criterion)
        if self.task.kind is TaskKind.CLASSIFICATION:
            return [found] if (found := grounds(self.everything, self.label[0], self.task.instruction)) else []
        return [sentence for sentence in (salient(self.text, 60, 1),) if sentence]

    @cached_property
    def label(self) -> tuple[str, float]:
        """The best of the labels that the instruction names, with a confidence."""
        if not self.task.labels:
            return (self.terms[0] if self.terms else "", 0.1)
        return self.classified(list(self.task.labels))

    @cached_property
    def primary(self) -> str:
        """The answer to the task as plain text."""
        if self.focus:
            return self.focus
        match self.task.kind:
            case TaskKind.SUMMARY:
                return self.summary
            case TaskKind.TERMS:
                return ", ".join(self.terms)
            case TaskKind.ALIGNMENT:
                return self.alignment.rationale()
            case TaskKind.CLASSIFICATION:
                return self.label[0]
            case TaskKind.CUSTOM:
                return self.answer(self.task.request)

    @cached_property
    def language(self) -> str:
        """The ISO 639-1 code of the row's language."""
        return language([word.lower for word in words(self.text[:2000])])

    @cached_property
    def sentences(self) -> list[str]:
        """The row's sentences."""
        return sentences(self.text)

    def classified(self, labels: list[str]) -> tuple[str, float]:
        """The best of some labels for this row."""
        return classify(self.everything, labels, self.task.instruction)

    def answer(self, question: str) -> str:
        """What the row says to a question."""
        return answer(question, self.document.fields, self.everything)

    def on(self, focus: str) -> "Reading":
        """The same row, seen from one of its parts."""
        return replace(self, focus=focus)
