"""Which older encoding a text is in, by its words.

Bytes beyond ASCII are letters in every encoding of one byte, and only a language tells these apart: a word counts for
an encoding when, read in it, it can be a word of one of its languages. By chance two bytes make a Chinese or Japanese
character, too (`öl`), so encodings of two bytes take much more: a longer text of common characters that stand together.

In doubt it is Windows-1252.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

DEFAULT = "windows-1252"

_MAX_WORDS = 5_000
_MAX_LENGTH = 60  # of a word: what is longer is none
_MARGIN = 0.03  # of the words: names from elsewhere are fewer
_WIDE_SAMPLE = 64_000
_MIN_WIDE = 30  # characters
_WORD = re.compile(rb"[A-Za-z\x80-\xff]+")
_SIGNS = re.compile("[\xa0¡¢¤¦§¨©«¬\xad®°±´µ¶·¸»×÷€†‡…‰‹›‘’“”‚„•–—™]+")
"""What stands beside words in all of these encodings."""


_WESTERN = re.compile(
    "|".join(
        [
            "(?:[a-zäöüß])+",  # German
            "(?:[a-zàâçéêëîïôûüÿ]|è(?![aeiou])|œ(?=[uids]))+",  # French
            "(?:[a-záéíóúü]|ñ(?=[aeiouáéíóú]))+",  # Spanish, Irish
            "(?:[a-zàçéíïòóúü]|è(?![aeou]))+",  # Catalan
            "(?:[a-záàâçéêíóôúü]|ã(?=[oeis]|$)|õ(?=e))+",  # Portuguese
            "[a-z]*[àèéìíòóùú]",  # Italian; French `où`
            "(?:uæ)?(?:[a-zøåéü]|(?<![aeiouy])æ(?![aeiou]))+",  # Danish, Norwegian
            "[a-zäöåéü]+",  # Swedish, Finnish
            "þ?(?:[a-záéíóúýö]|(?<![aeiou])æ|(?<=.)ð)+",  # Icelandic
            "(?:[a-zéëêïöü]|è(?![aeiou]))+",  # Dutch
            "[a-z]{0,2}[²³ªº]|[¹²³¼½¾£¥]|¿[a-záéíóúü]*",  # m², 2ª, ½, £; Spanish questions
        ]
    )
)
"""Words of western Europe. What goes before or behind a letter is said where another encoding has a frequent letter in
its place: `è` is `č` there, `œ` is `ś`, `ñ` is `ń`, `ã` is `ă`, `æ` is `ć`.
"""
_CENTRAL = re.compile(
    "|".join(
        [
            "[a-ząćęłńóśźż]+",  # Polish
            "[a-záčďéěíňóřšťúůýž]+",  # Czech
            "[a-záäčďéíĺľňóôŕšťúýž]+",  # Slovak
            "[a-záéíóöőúüű]+",  # Hungarian
            "[a-zčćđšž]+",  # Croatian, Slovene
            "[a-zăâîşţ]+",  # Romanian
        ]
    )
)
_CYRILLIC = re.compile("[а-яёђѓєѕіїјљњќћўџґ]{2,}")
_GREEK = re.compile("[α-ωάέήίόύώϊϋ]{2,}")
_LANGUAGES = {DEFAULT: _WESTERN, "windows-1250": _CENTRAL, "windows-1251": _CYRILLIC, "windows-1253": _GREEK}


def guess_legacy(data: bytes) -> str:
    """The most likely encoding of bytes that are not UTF-8."""
    lines = [line for line in data.splitlines() if not line.isascii()]
    words = list(islice(_words(lines), _MAX_WORDS))
    fitting = dict.fromkeys(_LANGUAGES, 0)
    for word in words:
        for encoding in _fitting(word):
            fitting[encoding] += 1
    best = max(fitting, key=lambda encoding: fitting[encoding])  # the first one of equals
    wide = _guess_wide(lines) if fitting[best] < len(words) * 0.8 else None
    is_clear = fitting[best] >= max(len(words) * 0.5, fitting[DEFAULT] + len(words) * _MARGIN)
    return wide or (best if is_clear else DEFAULT)


def _words(lines: Iterable[bytes]) -> Iterator[bytes]:
    return (match[0] for line in lines for match in _WORD.finditer(line) if not match[0].isascii())


def _fitting(word: bytes) -> list[str]:
    """The encodings in which it can be a word. Where it is the same in two, it does not tell them apart."""
    if len(word) > _MAX_LENGTH:
        return []
    texts = {encoding: word.decode(encoding, "replace") for encoding in _LANGUAGES}
    known = {text for encoding, text in texts.items() if _fits(text, _LANGUAGES[encoding])}
    return [encoding for encoding, text in texts.items() if text in known]


def _fits(text: str, language: re.Pattern[str]) -> bool:
    """Whether it consists of words of a language, signs and ASCII. Words begin with a capital, or are all of them."""
    for part in _SIGNS.split(text):
        if part.isascii():
            continue
        if part[1:] != part[1:].lower() and part != part.upper():
            return False
        if language.fullmatch(part.lower()) is None:
            return False
    return True


def _guess_wide(lines: Sequence[bytes]) -> str | None:
    """An encoding of two bytes a character, if nearly all of a longer text speaks for it."""
    sample = b"\n".join(lines)[:_WIDE_SAMPLE]
    for encoding, (codec, is_common) in _WIDE.items():
        text = f" {sample.decode(codec, 'replace')} "
        wide = [at for at, character in enumerate(text) if not character.isascii()]
        together = sum(not (text[at - 1].isascii() and text[at + 1].isascii()) for at in wide)
        common = sum(is_common(*_two_bytes(text[at], codec)) for at in wide)
        if len(wide) >= _MIN_WIDE and min(together, common) >= len(wide) * 0.9:
            return encoding
    return None


def _two_bytes(character: str, codec: str) -> tuple[int, int]:
    code = character.encode(codec, "replace")
    return (code[0], code[1]) if len(code) == 2 else (0, 0)


_Common = Callable[[int, int], bool]
"""Whether two bytes are punctuation, syllables or one of the frequent ideographs, of which nearly all of a text is."""

_WIDE: dict[str, tuple[str, _Common]] = {
    "euc-kr": ("cp949", lambda one, two: two >= 0xA1 and (0xA1 <= one <= 0xA3 or 0xB0 <= one <= 0xC8)),
    "gb18030": ("gb18030", lambda one, two: two >= 0xA1 and (0xA1 <= one <= 0xA3 or 0xB0 <= one <= 0xD7)),
    "big5": ("cp950", lambda one, two: 0xA1 <= one <= 0xC6),
    "shift_jis": ("cp932", lambda one, two: 0x81 <= one <= 0x83 or 0x88 <= one <= 0x98),
}
"""By name: the codec that Windows means by it, and what is frequent. Korean goes first: it looks like Chinese."""
