"""The committed prompt files keep the form that the figures are stated for."""

import re

import pytest

from evaluation.vlad import HELD_OUT_PROMPTS, quoted_words, read_prompts

QUOTES = re.compile(r"\"([^\"]+)\"|“([^”]+)”|(?<!\w)'(.+?)'(?!\w)")


def spans(prompt):
    return ["".join(groups) for groups in QUOTES.findall(prompt)]


def test_held_out_prompts_have_up_to_8_quoted_words_in_up_to_4_lines():
    prompts = read_prompts(HELD_OUT_PROMPTS)
    assert len(prompts) == len(set(prompts)) == 60
    for prompt in prompts:
        assert 1 <= len(spans(prompt)) <= 4, prompt
        assert len(" ".join(spans(prompt)).split()) <= 8, prompt


def test_public_prompts_are_short_and_distinct():
    prompts = read_prompts(HELD_OUT_PROMPTS.with_name("public.txt"))
    assert len(prompts) == len(set(prompts)) == 30
    assert all(len(p) < 80 for p in prompts)
    assert any(not spans(p) for p in prompts)


@pytest.mark.parametrize("name", ["held-out.txt", "public.txt"])
def test_the_parser_finds_every_quoted_word(name):
    pytest.importorskip("pipelines.vlad.prompt")
    for prompt in read_prompts(HELD_OUT_PROMPTS.with_name(name)):
        quoted = " ".join(spans(prompt)).split()
        assert quoted == [] or quoted_words(prompt) == quoted, prompt
        assert quoted_words(prompt), prompt


def test_a_refused_prompt_has_no_words():
    pytest.importorskip("pipelines.vlad.prompt")
    assert quoted_words("x" * 3000) == []
