"""The chat of tab "Ask", its handlers called as plain functions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from PIL import Image, ImageDraw

from pipelines.errors import BadImage, BadPrompt
from pipelines.vlsa import tiling
from pipelines.vlsa.settings import TOGETHER
from pipelines.vlsa.types import View
from ui import components, render
from ui.api import Api
from ui.backend import NO_CHAT, Backend
from ui.demo import build
from ui.vlsa_chat import (
    CHAT,
    MAX_IMAGES,
    MAX_TURNS,
    Chat,
    Conversation,
    as_words,
    bubbles,
    feedback,
    image_notes,
    thumbnail,
    transcript,
    transcript_text,
)  # fmt: skip

from .conftest import MISSING, refuse

HOW = (0.0, 1.0, 24, 1.0, 0)  # temperature, top-p, length, repetition penalty, seed
ASKED = "What does the picture show?"


def picture(colour: str = "navy", size: tuple[int, int] = (300, 200)) -> Image.Image:
    """A picture with a disc."""
    image = Image.new("RGB", size, colour)
    ImageDraw.Draw(image).ellipse((40, 40, 120, 120), fill="white")
    return image


@pytest.fixture(scope="module")
def first() -> View:
    return tiling.view(picture())


@pytest.fixture(scope="module")
def second() -> View:
    return tiling.view(picture("orange"))


@pytest.fixture()
def mute() -> Chat:
    """A chat without weights; what needs none works."""
    return Chat(Backend(refuse, load_vlsa=refuse))


@pytest.fixture(scope="session")
def chat(looking: Backend) -> Chat:
    """A chat on the embedded weights."""
    return Chat(looking)


def said(question: str, answer: str, conversation: Conversation, view: View | None) -> Conversation:
    """The conversation after a question and a given answer."""
    return conversation.ask(question, view).answered(answer, "stop", {"seed": 0})


@pytest.fixture()
def talk(first: View) -> Conversation:
    """Two questions about one image."""
    return said("Second?", "Two.", said("First?", "One.", Conversation(), first), first)


def click(kind: Any, **data: Any) -> Any:
    """An event as the browser sends it."""
    return kind(None, {"value": "", "previous_value": "", **data})


# -- the conversation --------------------------------------------------------------------------------------------------


def test_an_image_is_attached_once_and_numbered_by_its_content(first: View, second: View, talk: Conversation) -> None:
    assert [t.view is not None for t in talk.turns] == [True, False] and talk.latest == first
    more = said("Third?", "Three.", talk, second)
    back = said("Fourth?", "Four.", more, first)
    assert [back.number(t.view) for t in back.turns if t.view] == [1, 2, 1]
    assert [m.role for m in back.messages()] == ["user", "assistant"] * 4


def test_a_new_image_keeps_the_conversation_and_says_so(first: View, second: View, talk: Conversation) -> None:
    assert [b.number for b in bubbles(talk, first)] == [1, 0, 0, 0, 0]
    waiting = bubbles(talk, second)
    assert waiting[-2].number == 2 and waiting[-1].text == "From here on I look at image 2."
    asked = bubbles(said("Third?", "Three.", talk, second), second)
    assert [b.text for b in asked[-3:]] == ["From here on I look at image 2.", "Third?", "Three."]


def test_asking_needs_an_image_and_a_finished_answer(first: View) -> None:
    with pytest.raises(BadImage, match="no image yet"):
        Conversation().ask(ASKED, None)
    busy = Conversation().ask(ASKED, first)
    for change in (lambda: busy.ask("And?", first), busy.again, busy.undone):
        with pytest.raises(BadPrompt, match="still being written"):
            change()
    full = Conversation(busy.answered("x", "stop", {}).turns * MAX_TURNS)
    with pytest.raises(BadPrompt, match="export it"):
        full.ask(ASKED, first)


def test_a_conversation_keeps_so_many_images_and_no_more(first: View) -> None:
    talk = Conversation()
    for k in range(MAX_IMAGES):
        talk = said("Which?", "One.", talk, tiling.view(picture(f"#0000{k:02x}", (16, 16))))
    with pytest.raises(BadPrompt, match="images"):
        talk.ask(ASKED, first)
    assert talk.ask(ASKED, talk.turns[0].view).turns[-1].view == talk.turns[0].view


def test_editing_drops_what_came_later_and_failing_brings_it_back(talk: Conversation) -> None:
    edited = talk.again(0, "Other?")
    assert [t.question.text for t in edited.turns] == ["Other?"] and edited.turns[0].view == talk.turns[0].view
    kept, text = edited.given_up()
    assert kept.turns == talk.turns and text == "Other?"
    assert talk.again().given_up()[1] is None  # the question of a retry is in the conversation still
    assert talk.ask("New?", None).given_up()[1] == "New?"
    for index in (-1, 2, 7):
        with pytest.raises(BadPrompt, match="no question"):
            talk.again(index, "x")


def test_undo_goes_back_to_nothing(talk: Conversation) -> None:
    one, text = talk.undone()
    assert text == "Second?" and len(one.turns) == 1
    with pytest.raises(BadPrompt, match="nothing to undo"):
        one.undone()[0].undone()


def test_transcripts_tell_everything(talk: Conversation, second: View) -> None:
    whole = said("Third?", "Three.", talk, second)
    data = json.loads(json.dumps(transcript(whole)))
    assert [t["image"] for t in data["turns"]] == [1, 1, 2] and [i["image"] for i in data["images"]] == [1, 2]
    assert data["turns"][2]["answer"] == "Three." and data["images"][0]["original_size"] == [300, 200]
    text = transcript_text(whole)
    assert "[Image 2: 300 × 200 pixels]\n\nYou: Third?\nVLSA: Three." in text


# -- what is shown -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(300, 200), (1, 900), (3000, 40)])
def test_thumbnails_carry_their_number_whatever_the_size(size: tuple[int, int]) -> None:
    sheet = thumbnail(tiling.view(picture(size=size)), 12)
    assert sheet.width >= 100 and sheet.height >= 40 and sheet.getpixel((1, 1)) == (23, 30, 27)


def test_notes_say_in_words_what_was_done() -> None:
    assert image_notes(None) == ""
    small, large = (image_notes(tiling.view(picture(size=s))) for s in ((60, 40), (4000, 3000)))
    assert "scaled up" in small and "scaled down" in large and "tiles" in large
    assert "nothing was scaled" in image_notes(tiling.view(picture(size=(512, 512))))


def test_markup_stays_words(mute: Chat, first: View) -> None:
    hostile = "<img src=x onerror=alert(1)> &lt;b&gt; 1 < 2"
    shown = mute.shown(said(hostile, hostile, Conversation(), first))
    for message in shown[1:]:
        text = message["content"]["text"]
        assert "<img" not in text and "&lt" not in text and text.replace("\u2060", "") == hostile
    assert as_words("plain") == "plain"


def test_likes_stay_with_their_answer(mute: Chat, talk: Conversation, second: View) -> None:
    likes, _ = mute.like(talk, {}, click(gr.LikeData, index=2, liked=True))
    likes, _ = mute.like(talk, likes, click(gr.LikeData, index=4, liked=False))
    assert feedback(talk, likes) == ["Like", "Dislike"] and feedback(talk, likes, second) == ["Like", "Dislike", None]
    assert feedback(talk.undone()[0], likes) == ["Like"]
    likes, _ = mute.like(talk, likes, click(gr.LikeData, index=2, liked=""))
    assert feedback(talk, likes) == [None, "Dislike"]
    for index in (0, 99, -1, "1", None):  # an image, and what no browser sends by itself
        assert mute.like(talk, likes, click(gr.LikeData, index=index, liked=True))[0] == gr.skip()


def test_exports_are_files_with_the_conversation(mute: Chat, talk: Conversation) -> None:
    as_json, as_text = mute.exports(talk)
    assert json.loads(Path(as_json.value["path"]).read_text("utf-8"))["turns"][1]["answer"] == "Two."
    assert "You: First?" in Path(as_text.value["path"]).read_text("utf-8")
    assert not mute.exports(Conversation())[0].interactive


# -- handlers without weights ------------------------------------------------------------------------------------------


def test_a_bad_image_keeps_the_old_one(mute: Chat, first: View, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"not an image")
    with pytest.warns(UserWarning, match="not an image"):
        view, shown, notes, _ = mute.look(str(bad), Conversation(), first)
    assert view is first and shown is first.image and "300 × 200" in notes


def test_a_bad_image_that_was_dropped_on_the_old_one_keeps_it(mute: Chat, first: View, tmp_path: Path) -> None:
    """The page removes the old one first."""
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"not an image")
    view, _, _, left = mute.look_away(Conversation(), first)
    assert view is None and left[1] is first
    with pytest.warns(UserWarning, match="not an image"):
        assert mute.look(str(bad), Conversation(), view, left)[0] is first
    with pytest.warns(UserWarning, match="not an image"):  # removed long before: it stays away
        assert mute.look(str(bad), Conversation(), view, (left[0] - 60, first))[0] is None
    assert mute.look_away(Conversation(), None)[-1] is None


def test_removing_the_image_leaves_the_chat_with_its_last_one(mute: Chat, first: View, talk: Conversation) -> None:
    view, shown, notes, _ = mute.look(None, talk, first)
    assert view is None and shown is None and "still looks at image 1" in notes
    assert talk.ask("More?", view).latest == first


def test_the_drawn_picture_comes_over(mute: Chat) -> None:
    stage = render.stage(uris=[render.data_uri(picture(size=(256, 256)), "png")], alt="x", seed=1)
    view, shown, _, _ = mute.look_at_drawing(stage, Conversation(), None)
    assert view.original_size == (256, 256) and shown.size == (256, 256)
    *_, tabs = mute.ask_about_drawing(stage, Conversation(), None)
    assert tabs.selected == "ask"
    with pytest.warns(UserWarning, match="drawn yet"):
        assert mute.ask_about_drawing(render.stage(), Conversation(), None)[-1] == gr.skip()
    for nothing in (render.stage(), "", None, 'src="data:image/png;base64,AAAAA"'):
        with pytest.warns(UserWarning, match="drawn yet|not an image"):
            mute.look_at_drawing(nothing, Conversation(), None)


def test_example_images_are_shown_by_index(mute: Chat) -> None:
    paths = components.example_images()
    for k in range(len(paths)):
        view, shown, _, _ = mute.look_at_example(Conversation(), None, gr.EventData(None, {"index": k}))
        assert view.key == tiling.view(paths[k]).key and shown is view.image
    for index in (-1, len(paths), "0", True, None, "../../app.py"):
        with pytest.warns(UserWarning, match="no such example"):
            assert mute.look_at_example(Conversation(), None, gr.EventData(None, {"index": index}))[0] == gr.skip()


def test_without_a_checkpoint_the_question_comes_back(mute: Chat, first: View) -> None:
    asked = mute.ask(ASKED, Conversation(), first)
    assert len(asked) == CHAT and asked[0].busy and asked[2] == ""
    with pytest.warns(UserWarning, match="checkpoints/none"):
        *_, last = mute.answer(asked[0], *HOW)
    assert last[0] == Conversation(back=ASKED) and last[1] == [] and "Not answered" in last[5]
    with pytest.raises(gr.Error, match="checkpoints/none"):
        Api(mute.backend).ask(str(_saved(first, mute.folder)), ASKED)


def _saved(view: View, folder: Path) -> Path:
    path = folder / "image.png"
    view.image.save(path)
    return path


def test_a_server_without_the_chat_says_so(first: View) -> None:
    alone = Chat(Backend(refuse))
    with pytest.warns(UserWarning, match="without the weights of the image chat"):
        list(alone.answer(alone.ask(ASKED, Conversation(), first)[0], *HOW))
    assert alone.backend.chatting.error == NO_CHAT


def test_a_refusal_changes_nothing(mute: Chat, talk: Conversation) -> None:
    with pytest.warns(UserWarning, match="no image yet"):
        assert mute.ask(ASKED, Conversation(), None)[2] == gr.skip()
    with pytest.warns(UserWarning, match="nothing to undo"):
        mute.undo(Conversation())
    for index in (0, 2, 99, -3, "1", None):  # the image, an answer, and what no browser sends by itself
        with pytest.warns(UserWarning, match="no question"):
            values = mute.edit(talk, click(gr.EditData, index=index, value="x"))
        assert values[0] == gr.skip() and len(values[1]) == 5


def test_an_edit_arrives_as_it_was_written(mute: Chat, talk: Conversation) -> None:
    for value in (as_words("1 < 2?"), [{"type": "text", "text": as_words("1 < 2?")}]):
        values = mute.edit(talk, click(gr.EditData, index=3, value=value))
        assert values[0].turns[-1].question.text == "1 < 2?" and len(values[0].turns) == 2


def test_stop_takes_back_a_question_that_still_waits(mute: Chat, talk: Conversation) -> None:
    waiting = talk.ask("Third?", None)
    values = mute.stop(waiting)
    assert values[0].turns == talk.turns and values[0].back == "Third?" and "Stopped" in values[5]
    assert list(mute.answer(values[0], *HOW)) == [(gr.skip(),) * CHAT]  # its turn in the queue comes to nothing
    *_, last = mute.answer(waiting, *HOW)  # the question was asked before Stop
    assert "Stopped" in last[5] and last[0].back == "Third?"


def test_what_was_typed_meanwhile_stays_above_a_question_that_comes_back(mute: Chat, talk: Conversation) -> None:
    stopped = mute.stop(talk.ask("Third?", None))[0]
    box, kept = mute.put_back("A draft", stopped)
    assert box == "A draft\nThird?" and kept.back == "" and kept.turns == talk.turns
    assert mute.put_back("A draft", kept) == (gr.skip(), gr.skip())
    assert mute.undo(talk, "A draft")[1].startswith("A draft\n")


def test_a_refused_picture_is_shown_again_and_never_skipped(mute: Chat, first: View) -> None:
    """A skipped picture would lose the check of what is uploaded next."""
    with pytest.warns(UserWarning):
        values = mute.look_at_drawing("", Conversation(), first)
    assert values[0] == gr.skip() and values[1] is first.image
    with pytest.warns(UserWarning):
        assert mute.look_at_example(Conversation(), None, gr.EventData(None, {"index": -1}))[1] is None


def test_clearing_waits_for_the_answer(mute: Chat, talk: Conversation) -> None:
    assert mute.clear(talk)[0] == Conversation()
    with pytest.warns(UserWarning, match="still being written"):
        assert mute.clear(talk.ask("Third?", None))[0] == gr.skip()


def test_both_pipelines_load_on_their_own(first: View) -> None:
    backend = Backend(refuse, load_vlsa=lambda: first)
    assert backend.vlsa() is first and backend.error == MISSING and not backend.ready
    other = Backend(lambda: first, load_vlsa=refuse)
    assert other.pipeline() is first and other.drawing.ready
    with pytest.raises(Exception, match="checkpoints/none"):
        other.vlsa()


@pytest.mark.parametrize(("gpu", "most"), [(None, TOGETHER), (lambda task: task, 1)], ids=["own", "lent"])
def test_handlers_of_the_model_wait_in_one_queue_and_answers_in_another(gpu: Any, most: int) -> None:
    page = build(Backend(refuse, gpu=gpu))
    served: dict[str, dict[str, Any]] = {"model": {}, "answers": {}}
    for f in page.fns.values():
        if f.fn is not None and f.concurrency_id in served:
            served[f.concurrency_id][f.fn.__name__] = f.concurrency_limit
    assert set(served["answers"]) == {"answer", "ask"} and set(served["answers"].values()) == {most}
    assert {"reconstruct", "tokens", "draw", "again", "hear"} <= set(served["model"])
    assert set(served["model"].values()) == {1}


# -- on the embedded weights -------------------------------------------------------------------------------------------


def talked(chat: Chat, question: str, conversation: Conversation, view: View, how: Any = HOW) -> list[Any]:
    """All outputs of a question and its answer."""
    return [*chat.answer(chat.ask(question, conversation, view)[0], *how)]


def test_three_questions_are_answered_as_they_are_written(chat: Chat, first: View) -> None:
    conversation = Conversation()
    for question in (ASKED, "What colour is the background?", "Is there a star in it?"):
        outputs = talked(chat, question, conversation, first)
        conversation = outputs[-1][0]
        texts = [o[1][-1]["content"]["text"] for o in outputs]
        assert all(b.startswith(a.rstrip()) for a, b in zip(texts, texts[1:], strict=False)), texts
        assert "Answered" in outputs[-1][5] and "first token after" in outputs[-1][5]
    assert len(conversation.turns) == 3 and all(t.answer and t.answer.text for t in conversation.turns)
    assert chat.backend.cache() is not None


def test_greedy_answers_repeat_and_retry_says_so(chat: Chat, first: View) -> None:
    once = talked(chat, ASKED, Conversation(), first)[-1][0]
    *_, last = chat.answer(chat.retry(once)[0], *HOW)
    assert last[0].turns[0].answer.text == once.turns[0].answer.text and "temperature 0" in last[5]
    assert len(last[0].turns) == 1


def test_stop_ends_the_work_and_keeps_what_was_said(chat: Chat, first: View) -> None:
    asked = chat.ask("Describe the picture.", Conversation(), first)[0]
    answer = chat.answer(asked, 1.5, 1.0, 256, 1.0, 3)
    next(answer)
    chat.stop(asked)  # as the browser does, while the answer is being written
    *_, last = answer
    assert "Stopped" in last[5] and not last[0].busy
    assert last[0].turns == () or last[0].turns[0].end == "stopped"
    assert not chat.running and not any(row.pins for row in chat.backend.cache().stats())


def test_closing_ends_the_work_too(chat: Chat, first: View) -> None:
    answer = chat.answer(chat.ask(ASKED, Conversation(), first)[0], *HOW)
    next(answer)
    answer.close()
    assert not chat.running and not any(row.pins for row in chat.backend.cache().stats())


def test_the_length_limit_is_told(chat: Chat, first: View) -> None:
    last = talked(chat, "Describe the picture.", Conversation(), first, (0.0, 1.0, 1, 1.0, 0))[-1]
    assert last[0].turns[0].end == "length" and "length limit" in last[5]


@pytest.mark.parametrize("question", ["", "   ", "word " * 5000, "x" * 2001])
def test_a_question_that_cannot_be_answered_comes_back(chat: Chat, first: View, question: str) -> None:
    with pytest.warns(UserWarning) as told:
        last = talked(chat, question, Conversation(), first)[-1]
    assert last[0] == Conversation(back=question) and "Something went wrong" not in str(told[0].message)


def test_the_public_functions(chat: Chat, first: View) -> None:
    api, path = Api(chat.backend), str(_saved(first, chat.folder))
    assert api.ask(path, ASKED)
    rebuilt, numbers = api.reconstruct(path, 1, 0)
    assert abs(rebuilt.width / rebuilt.height - 1.5) < 0.02 and numbers["psnr"] > 5 and numbers["steps"] == 1
    found = api.tokens(path)
    assert len(found["index"]) == 32 and 0 < found["usage"] <= 1
    json.dumps([numbers, found])
    with pytest.raises(gr.Error, match="no image"):
        api.ask(None, ASKED)


def test_the_public_functions_over_the_wire(looking_url: str, first: View, tmp_path: Path) -> None:
    gradio_client = pytest.importorskip("gradio_client")
    client = gradio_client.Client(looking_url, ssl_verify=False, verbose=False)
    image = gradio_client.handle_file(str(_saved(first, tmp_path)))
    assert client.predict(image, ASKED, api_name="/ask")
    rebuilt, numbers = client.predict(image, steps=1, seed=3, api_name="/reconstruct")
    assert numbers["seed"] == 3 and Image.open(rebuilt).width >= 256
    assert len(client.predict(image, api_name="/tokens")["index"]) == 32
    with pytest.raises(Exception, match="2,000"):
        client.predict(image, "x" * 2001, api_name="/ask")


def test_a_chat_that_went_with_its_page_is_told_once(talk: Conversation) -> None:
    from dataclasses import replace

    from ui.vlsa_chat import LOST, gone_with_the_page

    assert hash(talk) == hash(replace(talk)) != hash(replace(talk, turns=talk.turns[:-1]))  # a change is noticed

    assert LOST in gone_with_the_page(3)[0] and gone_with_the_page(3)[1] == -1
    assert all(gone_with_the_page(nothing) == (gr.skip(), -1) for nothing in (0, None, "3", -1, {}))


def test_an_image_that_arrives_is_not_taken_away_by_the_one_that_left() -> None:
    """The page removes an image before the next one arrives, pasted ones above all: what the removal answers does not
    touch the picture, and both are served in the order in which they were asked.
    """
    demo = build(Backend(lambda: None))
    photo = next(b for b in demo.blocks.values() if b.elem_id == "photo")
    events = {name: f for f in demo.fns.values() for id, name in f.targets if id == photo._id}
    assert photo in events["upload"].outputs and photo not in events["clear"].outputs
    served = {(events[name].concurrency_id, events[name].concurrency_limit) for name in ("upload", "clear")}
    assert served == {("look", 1)}


def test_as_many_requests_are_served_at_once_as_there_are_replicas() -> None:
    for replicas, at_once, answers in ((3, 3, 3 * TOGETHER), (0, 1, TOGETHER)):  # and none of it is left behind
        demo = build(Backend(refuse, load_vlsa=refuse, replicas=replicas))
        limits = {(f.concurrency_id, f.concurrency_limit) for f in demo.fns.values()}
        assert {most for name, most in limits if name == "model"} == {at_once}
        assert {most for name, most in limits if name == "answers"} == {answers}


def test_notes_tell_the_size_of_the_tiles(tmp_path: Path) -> None:
    chat = Chat(Backend(refuse, tile=336))
    Image.new("RGB", (700, 300), "navy").save(tmp_path / "a.png")
    _, _, notes, _ = chat.look(str(tmp_path / "a.png"), Conversation(), None)
    assert "3 tiles of 336 × 336 pixels" in notes
