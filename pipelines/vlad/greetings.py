"""Greetings that a card says without quotes ("get well soon card", "greeting card, eid mubarak"), and denials of text.

A greeting stands right before the word for the picture, right behind it, or as a clause of its own, there with a name
or a relation behind it ("happy birthday grandpa"). Thanks and good mornings are said to whoever draws, unless they
stand beside the word for the picture.
"""

from __future__ import annotations

import re
from string import capwords

from pipelines.vlad.lexicon import default_lexicon
from pipelines.vlad.nouns import DOCUMENT_HEADS, LETTERS, PANELS, THING_WORDS
from pipelines.vlad.reading import LOOK_WORDS, MARK, Item, Reading

_HAPPY = (
    r"birthday|anniversary|(?:lunar |chinese )?new year|easter|halloween|holidays|diwali|hanukkah|chanukah|eid|holi|"
    r"thanksgiving|christmas|valentine'?s(?: day)?|(?:mother|father|teacher|women|grandparent|nurse)'?s'? day|"
    r"retirement|graduation|kwanzaa|nowruz|ramadan|pride|passover|vesak|friendship day|earth day|independence day|"
    r"wedding day|engagement|new home|\d+(?:st|nd|rd|th) (?:birthday|anniversary)"
)
OCCASION = re.compile(rf"(?:{_HAPPY}|eid|baby shower|new year'?s eve|christmas eve|(?:bridal|baby) shower)(?: party)?")
_FESTIVE = (
    rf"(?:happy (?:{_HAPPY})|merry (?:christmas|xmas)|eid mubarak|ramadan (?:mubarak|kareem)|"
    r"season'?s greetings|shana tova|feliz (?:navidad|cumpleaños|año nuevo)|joyeux (?:noël|noel|anniversaire)|"
    r"frohe weihnachten|buon (?:natale|compleanno)|bon (?:voyage|appétit|appetit)|good luck|congratulations|congrats|"
    r"welcome (?:home|back|baby|little one)|get well soon|best wishes|just married|be my valentine|"
    r"trick or treat|peace on earth|save the date|it'?s a (?:boy|girl)|(?:with )?(?:deepest |heartfelt )sympathy|"
    r"sorry for your loss|happily ever after)"
)
_POLITE = r"(?:thank you|thanks|good morning|good night|well done|i love you|love you|i miss you|miss you|get well)"
_CARD = (
    r"(?:cards?|poster|banner|sign|greeting|message|postcard|sticker|note|invitation|balloon|flyer|e-?card|print|"
    r"bunting|label|gift tag|tag)"
)
_BEFORE_CARD = re.compile(rf"\b({_FESTIVE}|{_POLITE})\s+(?:greeting\s+)?{_CARD}\b")
_AFTER_CARD = re.compile(rf"\b{_CARD}\s*[,:]?\s+(?={_FESTIVE}|{_POLITE}\s+[\w'])")
_OF_ITS_OWN = re.compile(rf"(?:^|[,;:.\n]\s*|\bwith\s+|\band\s+)(?={_FESTIVE})")
_SAID = re.compile(
    rf"({_FESTIVE}|{_POLITE})((?:\s+[\w'.&]+){{0,4}}?)!*(?=\s*(?:$|[,.;\n{MARK}]|"
    r"(?:with|on|in (?:an?|\w+(?=\s*(?:$|[,.;]|and\b))|\w+ (?:letters|lettering|script))|"
    r"at the|above|below|under|next to|and (?:an?|two|three|some|the))\b))"
)
_WORDLESS = re.compile(
    r"\b(?:(?:no|without(?: any)?|zero)\s+(?:(?:words?|text|lettering|letters|captions?|titles?)(?:,| or| and|/)\s+)?"
    r"(?:text|words|letters|lettering|writing|captions?|typography|wording)|"
    r"(?:do not|don'?t|dont|never)\s+(?:put|add|write|include|use|want)\s+(?:any\s+)?(?:text|words|letters|lettering|"
    r"writing)|wordless|textless|text[ -]?free|nothing written|(?:text|words|lettering|caption)\s?:\s?(?:none|no))\b"
    r"(?!\s+(?:on (?:it|them)\s+)?(?:other|except|but|besides|apart|than|beyond|in the background|"
    r"behind|below|above|elsewhere))"
)
_POLITE_ASIDE = re.compile(rf"{_POLITE}$|thank you (?:so|very) much$|thanks (?:a lot|so much|in advance)$")


def denies_text(reading: Reading) -> bool:
    """Whether the prompt wants no lettering ("no text please", "a wordless comic")."""
    return _WORDLESS.search(reading.masked) is not None


def find_greeting(reading: Reading) -> list[Item]:
    """ "a get well soon card": each word with a capital unless the prompt has it so; behind the card, as it is."""
    match = _BEFORE_CARD.search(reading.masked)
    if match:
        told = reading.prompt[slice(*match.span(1))]
        reading.take(*match.span(1))
        return [Item("text", capwords(told) if told.islower() or told[1:].islower() else told, *match.span(1))]
    return _told_as_clause(reading, _AFTER_CARD, True) or _told_as_clause(reading, _OF_ITS_OWN, False)


def _told_as_clause(reading: Reading, lead: re.Pattern[str], beside: bool) -> list[Item]:
    """A greeting behind what leads to it, with the name behind it; its words are claimed."""
    for opening in lead.finditer(reading.masked):
        said = _SAID.match(reading.masked, opening.end())
        if said is None or not _only_a_name(said.group(2).split()):
            continue
        start, end = said.span()
        last = not reading.masked[end:].strip(" .!")
        if beside and last and _POLITE_ASIDE.match(said.group(1) + said.group(2)):
            continue
        text = reading.prompt[start:end]
        reading.take(start, end, mask=True)
        return [Item("text", text.rstrip(" ."), start, start + len(text.rstrip(" .")))]
    return []


def _only_a_name(words: list[str]) -> bool:
    """Whether the words behind a greeting go on with it ("to you", "grandpa joe") and describe nothing."""
    pictured = DOCUMENT_HEADS | THING_WORDS | LETTERS | LOOK_WORDS | set(PANELS)
    lexicon = default_lexicon()
    known = (lexicon.get(w) for w in words)
    return not any(w in pictured for w in words) and all(n is None or n.group == "people & body" for n in known)
