"""Choosing among given labels: the label whose words, or whose description, the text speaks of most."""

import re

from local.openai.engine.alignment import align
from local.openai.engine.text import sentences, stem, words
from local.openai.engine.vocabulary import weight

_FALLBACKS = frozenset(
    ("other", "others", "unknown", "none", "n/a", "na", "unclear", "misc", "miscellaneous", "general", "uncategorized",
     "uncategorised", "not applicable", "unspecified", "sonstiges", "andere")
)  # fmt: skip
_MIDDLES = frozenset(("neutral", "medium", "moderate", "normal", "average"))
_CUES = {
    "positive": "great good love excellent thanks happy helpful easy satisfied perfect recommend wonderful amazing "
    "improved success",
    "negative": "bad poor crash broken slow terrible angry disappointed unhappy fail failing error problem worst hate "
    "complaint useless losing delay confusing frustrated",
    "mixed": "but however although yet mixed",
    "urgent": "asap urgent immediately outage down critical blocker emergency severe",
    "critical": "asap urgent immediately outage down blocker emergency severe security breach",
    "high": "asap urgent critical important deadline blocked crash outage losing severe risk escalated must",
    "medium": "soon should moderate needs improvement normal",
    "low": "minor cosmetic typo someday nice trivial optional later whenever",
    "bug": "crash error broken fails failing wrong incorrect exception freeze freezes doesn't regression defect",
    "feature": "add wish would like could support enhancement idea new possible option ability",
    "question": "how what why where can question wondering clarify explain",
    "complaint": "unhappy angry disappointed unacceptable refund worst complaint terrible losing",
    "praise": "great love thanks excellent wonderful perfect loved amazing",
    "billing": "invoice charged refund payment price subscription card billed receipt overcharged",
    "blocked": "blocked waiting stuck cannot impediment depends missing on hold",
    "at risk": "risk delay slipping late behind shortage unless",
    "on track": "schedule track complete completed progressing planned ahead done",
}
_CUE_STEMS = {label: frozenset(stem(word) for word in cues.split()) for label, cues in _CUES.items()}
_LABEL_LINE = r"(?:^|[\n,;(•*-])\s*[\"'“]?{label}[\"'”]?\s*(?::|–|—|-|=|\()\s*(?P<said>[^\n;)]+)"


def classify(text: str, labels: list[str], instruction: str = "") -> tuple[str, float]:
    """The best label and a confidence from 0 to 1; a label such as "Other" where nothing speaks for the rest."""
    scores = {label: _score(text, label, _described(label, instruction)) for label in labels}
    best = max(labels, key=lambda label: scores[label])
    if scores[best] > 0:
        total = sum(scores.values())
        return best, round(min(0.99, 0.4 + 0.6 * scores[best] / total * min(1.0, 2 * scores[best])), 2)
    for unsaid in (_FALLBACKS, _MIDDLES):
        for label in labels:
            if label.strip().lower() in unsaid:
                return label, 0.2
    return labels[0], 0.1


def grounds(text: str, label: str, instruction: str = "") -> str:
    """The sentence that speaks most for a label; empty where none does."""
    described = _described(label, instruction)
    scored = [
        (_score(sentence, label, described), -index, sentence) for index, sentence in enumerate(sentences(text)[:60])
    ]
    best = max(scored, default=(0.0, 0, ""))
    return best[2] if best[0] > 0 else ""


def matching_labels(text: str, labels: list[str], instruction: str = "", threshold: float = 0.25) -> list[str]:
    """Every label that the text speaks of clearly, in the order given."""
    return [label for label in labels if _score(text, label, _described(label, instruction)) >= threshold]


def _score(text: str, label: str, description: str) -> float:
    if label.strip().lower() in _FALLBACKS:
        return 0.0
    said = _readable(label)
    cues = _cues(said)
    score = _cued(text, said, cues) if cues else align(text, said).score
    if description:
        score += 0.8 * align(text, description).score
    return score


def _cues(label: str) -> frozenset[str]:
    """Stems of the words by which texts usually show labels of that kind."""
    named = (stems for name, stems in _CUE_STEMS.items() if re.search(rf"\b{re.escape(name)}\b", label.lower()))
    return frozenset[str]().union(*named)


def _cued(text: str, label: str, cues: frozenset[str]) -> float:
    stems = {stem(word.lower) for word in words(text)}
    named = 0.4 if {stem(word.lower) for word in words(label)} <= stems else 0.0
    question = 0.3 if "question" in label.lower() and "?" in text else 0.0
    return min(0.9, 0.3 * len(stems & cues)) + named + question


def _described(label: str, instruction: str) -> str:
    """What the instruction says a label means: the rest of its line after a colon or dash."""
    if label not in instruction:
        return ""
    match = re.search(_LABEL_LINE.format(label=re.escape(label)), instruction, re.IGNORECASE)
    if not match:
        return ""
    return " ".join(word.text for word in words(match["said"]) if weight(word.lower) > 0)


def _readable(label: str) -> str:
    """`needs_review` and `needsReview` as words."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label.replace("_", " ").replace("-", " "))
