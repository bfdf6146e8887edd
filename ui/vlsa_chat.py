"""The chat about an image: its conversation, which stays on the server, and its handlers as plain functions.

What the browser sends back of a conversation is never read: every answer is made from the `Conversation` in the state
of the session, and what is shown is drawn from it again.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import gradio as gr
from PIL import Image, ImageDraw, ImageFont

from pipelines.errors import BadImage, BadPrompt
from pipelines.vlsa.types import Message, Reply, View
from ui import components, render
from ui.backend import WAIT_S, Backend
from ui.handling import session_of, skips, warn
from ui.lane import TakenBack
from ui.presence import gone
from ui.stops import Stops

log = logging.getLogger(__name__)
End = Literal["", "stop", "length", "stopped"]
Values = tuple[Any, ...]
CHAT = 6  # outputs of ask, answer and what begins an answer: conversation, chatbot, question, ask, stop, status
MAX_TURNS = 100
MAX_IMAGES = 12  # different images of one conversation, which keeps them all
SHOWN_S = 0.06  # least seconds between two states of an answer, so that the page stays responsive
THUMB = 320  # pixels along the longer side of an image in the chat
LEFT_S = 5.0  # seconds for which an image that was removed comes back when what was dropped in its place is no image
KEEP_S = 3600  # seconds that an exported transcript stays on the disk
NO_IMAGE = "There is no image yet; upload one, take a photo or choose an example first."
NO_DRAWING = "Nothing was drawn yet; draw a picture in the first tab, or upload an image."
BUSY = "The answer is still being written; wait for its end or press Stop first."
LONG = f"This conversation has {MAX_TURNS} turns, which is the most; export it, then clear it to go on."
MANY = f"This conversation has {MAX_IMAGES} images, which is the most; export it, then clear it to go on with another."
BEFORE = "other requests are computed first"
LOST = "The chat of before is gone with the page it was on, for the server keeps none; choose its image again to go on."
NO_NOTES = "The image is looked at as it is: nothing was scaled."
NO_WORDS = "(no words)"
SAME = "temperature 0 gives the same answer each time; raise it under Advanced for another one"
CUT = "cut at the length limit, raise it under Advanced"
_JOINER = "\u2060"  # word joiner: no width, and no letter


# -- the conversation --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Turn:
    """A question and its answer.

    Attributes:
        question: with a View as its image where the turn brought a new one.
        answer: None while there is none.
        end: why the answer ended: by itself, at the length limit, or by Stop; "" while there is none.
        settings: what the answer was made with.
        uid: names the turn within the session; with `end` it is what a hash is made of, for images have none.
    """

    question: Message = field(hash=False)
    answer: Message | None = field(default=None, hash=False)
    end: End = ""
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    uid: str = field(default_factory=lambda: secrets.token_hex(4))

    @property
    def view(self) -> View | None:
        """The image that the turn brought."""
        image = self.question.image
        return image if isinstance(image, View) else None


@dataclass(frozen=True)
class Conversation:
    """All turns of one visitor since the last clearing.

    Attributes:
        turns: oldest first; while an answer is on its way, the last one has none.
        asked: when the question in progress was asked, in seconds of a monotonic clock; 0 when there is none.
        before: the turns to return to when the answer in progress fails.
        tries: how often the last question was asked again.
        back: a question without an answer, on its way back into the box.
    """

    turns: tuple[Turn, ...] = ()
    asked: float = 0.0
    before: tuple[Turn, ...] = ()
    tries: int = 0
    back: str = ""

    @property
    def busy(self) -> bool:
        """Whether an answer is on its way."""
        return self.asked > 0

    @property
    def latest(self) -> View | None:
        """The image that the conversation looks at."""
        return next((t.view for t in reversed(self.turns) if t.view), None)

    def number(self, view: View) -> int:
        """The number of an image: that of its first turn, or the next free one."""
        keys = list(dict.fromkeys(t.view.key for t in self.turns if t.view))
        return keys.index(view.key) + 1 if view.key in keys else len(keys) + 1

    def messages(self) -> tuple[Message, ...]:
        """The turns as the pipeline takes them."""
        return tuple(m for t in self.turns for m in (t.question, t.answer) if m is not None)

    def ask(self, text: str, view: View | None) -> Conversation:
        """The conversation with one more question, about `view` where it is another image than the latest.

        Raises:
            BadImage: there is no image at all.
            BadPrompt: an answer is on its way, or there are MAX_TURNS turns or MAX_IMAGES images.
        """
        if self.busy:
            raise BadPrompt(BUSY)
        if len(self.turns) >= MAX_TURNS:
            raise BadPrompt(LONG)
        if view is None and self.latest is None:
            raise BadImage(NO_IMAGE)
        new = view if view is not None and (self.latest is None or view.key != self.latest.key) else None
        if new is not None and self.number(new) > MAX_IMAGES:
            raise BadPrompt(MANY)
        turn = Turn(Message("user", text, new))
        return Conversation((*self.turns, turn), time.monotonic(), self.turns)

    def again(self, index: int | None = None, text: str | None = None) -> Conversation:
        """Ask turn `index` (None: the last one) again, with another text where one is given; later turns go.

        Raises:
            BadPrompt: an answer is on its way, or there is no such turn.
        """
        if self.busy:
            raise BadPrompt(BUSY)
        at = len(self.turns) - 1 if index is None else index
        if not 0 <= at < len(self.turns):
            raise BadPrompt("There is no question to ask again; write one first.")
        old = self.turns[at].question
        turn = Turn(replace(old, text=old.text if text is None else text))
        tries = self.tries + 1 if text is None else 0
        return Conversation((*self.turns[:at], turn), time.monotonic(), self.turns, tries)

    def answered(self, text: str, end: End, settings: Mapping[str, Any]) -> Conversation:
        """The conversation with the answer so far; it is on its way as long as `end` is empty."""
        last = replace(self.turns[-1], answer=Message("assistant", text), end=end, settings=settings)
        return replace(self, turns=(*self.turns[:-1], last), asked=0.0 if end else self.asked)

    def given_up(self) -> tuple[Conversation, str | None]:
        """The conversation before the question in progress, and the text of that question where it was a new one."""
        if not self.busy:
            return self, None
        at, text = len(self.turns) - 1, self.turns[-1].question.text
        known = at < len(self.before) and self.before[at].question.text == text
        return Conversation(self.before), None if known else text

    def undone(self) -> tuple[Conversation, str]:
        """The conversation without its last turn, and the question of that turn.

        Raises:
            BadPrompt: an answer is on its way, or there is no turn.
        """
        if self.busy:
            raise BadPrompt(BUSY)
        if not self.turns:
            raise BadPrompt("There is nothing to undo; ask a question first.")
        return Conversation(self.turns[:-1]), self.turns[-1].question.text


# -- what is shown -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bubble:
    """One message as it is shown: whose, text or image, and the turn it belongs to (-1: none)."""

    role: str
    text: str = ""
    view: View | None = None
    number: int = 0
    turn: int = -1


def bubbles(conversation: Conversation, view: View | None = None) -> list[Bubble]:
    """The conversation as it is shown, with the image that the next question will be about where it is a new one."""
    out: list[Bubble] = []
    for k, turn in enumerate(conversation.turns):
        if turn.view:
            out += _arrival(conversation, turn.view, first=k == 0)
        out.append(Bubble("user", turn.question.text, turn=k))
        if turn.answer:
            text = turn.answer.text or NO_WORDS
            out.append(Bubble("assistant", text + (" …" if turn.end == "stopped" else ""), turn=k))
    latest = conversation.latest
    if view is not None and latest is not None and view.key != latest.key and not conversation.busy:
        out += _arrival(conversation, view, first=False)
    return out


def feedback(conversation: Conversation, likes: Mapping[str, bool], view: View | None = None) -> list[str | None]:
    """ "Like", "Dislike" or None for each message of the assistant, as the chatbot wants it."""
    marks, turns = {True: "Like", False: "Dislike"}, conversation.turns
    said = [b.turn for b in bubbles(conversation, view) if b.role == "assistant"]
    return [marks.get(likes[turns[k].uid]) if k >= 0 and turns[k].uid in likes else None for k in said]


def _arrival(conversation: Conversation, view: View, first: bool) -> list[Bubble]:
    number = conversation.number(view)
    said = [] if first else [Bubble("assistant", f"From here on I look at image {number}.")]
    return [Bubble("user", view=view, number=number), *said]


def gone_with_the_page(turns: Any) -> tuple[Any, int]:
    """What is told when the page opens and this browser had a chat of `turns` turns; and -1, for it is told once."""
    lost = isinstance(turns, int) and turns > 0
    return f'<p class="hint">{LOST}</p>' if lost else gr.skip(), -1


def as_words(text: str) -> str:
    """Text that the chatbot shows as it is: no < or & begins markup, for a character without width follows."""
    return re.sub("([<&])", rf"\1{_JOINER}", text)


def thumbnail(view: View, number: int) -> Image.Image:
    """The image at most THUMB pixels wide and high, with its number on a tag at the top left."""
    picture = view.image.copy()
    picture.thumbnail((THUMB, THUMB))
    wide = max(picture.width, 120), max(picture.height, 40)
    sheet = Image.new("RGB", wide, "#e9ece7")
    sheet.paste(picture)
    draw, font, text = ImageDraw.Draw(sheet), ImageFont.load_default(16), f"Image {number}"
    box = draw.textbbox((10, 5), text, font=font)
    draw.rectangle((0, 0, box[2] + 9, box[3] + 6), fill="#171e1b")
    draw.text((10, 5), text, font=font, fill="#ffffff")
    return sheet


def image_notes(view: View | None) -> str:
    """What the visitor should know about the image: its size, what was scaled, what was padded."""
    if view is None:
        return ""
    width, height = view.image.size
    more_right, more_below = view.padded.width - width, view.padded.height - height
    sizes = f"{width:,} × {height:,} pixels"
    of = f"of {view.tile} × {view.tile} pixels and one overview"
    tiles = f"Looked at in {view.count} tile{'s' if view.count > 1 else ''} {of}."
    where = [f"{n} pixels {side}" for n, side in ((more_right, "on the right"), (more_below, "below")) if n]
    padded = [f"Filled up with the colour of its edge: {' and '.join(where)}."] if where else []
    lines = [*(view.notes or (NO_NOTES,)), *padded, tiles]
    items = "".join(f"<li>{render.esc(line)}</li>" for line in lines)
    return f'<p class="hint"><b>{sizes}</b></p><div role="status"><ul class="facts">{items}</ul></div>'


# -- the transcript ----------------------------------------------------------------------------------------------------


def transcript(conversation: Conversation) -> dict[str, Any]:
    """The conversation as JSON data: images by number, and the turns with what each answer was made with."""
    images: dict[int, dict[str, Any]] = {}
    turns, number = [], 0
    for turn in conversation.turns:
        if turn.view:
            number = conversation.number(turn.view)
            view = turn.view
            sizes = {"original_size": list(view.original_size), "size": list(view.image.size)}
            images[number] = {"image": number, **sizes, "notes": list(view.notes), "sha256": view.key}
        answer = turn.answer.text if turn.answer else ""
        said = {"question": turn.question.text, "answer": answer, "ended": turn.end}
        turns.append({"image": number, **said, "settings": dict(turn.settings)})
    return {"format": "vlsa-transcript", "version": 1, "images": list(images.values()), "turns": turns}


def transcript_text(conversation: Conversation) -> str:
    """The conversation as plain text."""
    lines: list[str] = []
    for turn in conversation.turns:
        if turn.view:
            width, height = turn.view.original_size
            lines += [f"[Image {conversation.number(turn.view)}: {width} × {height} pixels]", ""]
        answer = turn.answer.text if turn.answer else ""
        lines += [f"You: {turn.question.text}", f"VLSA: {answer}{' [stopped]' if turn.end == 'stopped' else ''}", ""]
    return "\n".join(lines)


# -- handlers ----------------------------------------------------------------------------------------------------------


def answering(temperature: Any, top_p: Any, length: Any, penalty: Any, seed: Any) -> dict[str, Any]:
    """The keyword arguments of `ChatPipeline.chat`."""
    return {
        "temperature": float(temperature),
        "top_p": float(top_p),
        "max_tokens": int(length),
        "repetition_penalty": float(penalty),
        "seed": int(seed or 0),
    }


def speed(reply: Reply) -> str:
    """Time to the first token and speed in words."""
    first, tokens = f"first token after {reply.first_token_ms / 1000:.2f} s", f"{reply.tokens} tokens"
    return " · ".join([first, f"{reply.tokens_per_s:.0f} tokens/s", tokens] if reply.tokens_per_s else [first, tokens])


def below(box: str | None, text: str) -> str:
    """What stands in the box, and a text below it."""
    return "\n".join(t for t in (box or "", text) if t.strip())


def same(view: View | None) -> Values:
    """The outputs of `Chat.look`, unchanged. The picture is given again and never skipped: Gradio would make the
    component anew, without `components.unopened`, and open files that are not images by itself.
    """
    return gr.skip(), view.image if view else None, *skips(2)


class Chat:
    """What happens when a visitor shows an image or says something. Conversations live in the session's state.

    Args:
        backend: the pipelines and the parts that work without weights.
        folder: where thumbnails and transcripts are written; a temporary one by default.
    """

    def __init__(self, backend: Backend, folder: Path | None = None) -> None:
        self.backend = backend
        self._own = tempfile.TemporaryDirectory(prefix="vlsa-chat-")  # removed when the process ends
        self.folder = folder or Path(self._own.name)
        self.running: set[str] = set()  # sessions whose answer is being written
        self.stops = Stops("Ask")

    # -- the image ----------------------------------------------------------------------------------------------------

    def look(
        self, source: Any, conversation: Conversation, view: View | None, left: tuple[float, View] | None = None
    ) -> Values:
        """Show another image, or none. Gives view, picture, notes and chatbot; a bad image keeps the old one.

        Args:
            left: the image that was removed last, and when: the page removes an image before one that was dropped on
                it arrives.
        """
        self.tidy()
        try:
            new = self.backend.view(source) if source else None
        except Exception as e:
            warn(e)
            if view is None and left is not None and time.monotonic() - left[0] < LEFT_S:
                view = left[1]
            return view, view.image if view else None, image_notes(view), gr.skip()
        return new, new.image if new else None, self.notes(conversation, new), self.arrived(conversation, new)

    def look_away(self, conversation: Conversation, view: View | None) -> Values:
        """The image was removed. Gives view, notes, chatbot and what `look` takes as `left`. Not the picture: the page
        has removed it, and may have put the next one in its place by the time that this answer arrives.
        """
        none, _, notes, chatbot = self.look(None, conversation, view)
        return none, notes, chatbot, (time.monotonic(), view) if view else None

    def notes(self, conversation: Conversation, view: View | None) -> str:
        """The notes of an image; without one, what the chat goes on with."""
        if view is None and conversation.latest is not None:
            number = conversation.number(conversation.latest)
            return f'<p class="hint">The chat still looks at image {number}; choose another to change that.</p>'
        return image_notes(view)

    def arrived(self, conversation: Conversation, view: View | None) -> Any:
        """The chat with a new image in it; as it is before the first question, and while an answer is written."""
        if not conversation.turns or conversation.busy:
            return gr.skip()
        return self.shown(conversation, view)

    def look_at_drawing(self, stage: str | None, conversation: Conversation, view: View | None) -> Values:
        """Show the picture that was drawn last in the first tab, of several the chosen one; `stage` is what that tab
        shows of it.
        """
        pictures, chosen = render.pictures(stage)
        if not pictures:
            warn(BadImage(NO_DRAWING))
            return same(view)
        return self.look(pictures[chosen], conversation, view)

    def ask_about_drawing(self, stage: str | None, conversation: Conversation, view: View | None) -> Values:
        """As `look_at_drawing`, and open tab 2 where there is a picture. Gives view, picture, notes, chatbot, tabs."""
        values = self.look_at_drawing(stage, conversation, view)
        return *values, gr.skip() if values[0] == gr.skip() else gr.Tabs(selected="ask")

    def look_at_example(self, conversation: Conversation, view: View | None, event: gr.EventData) -> Values:
        """Show one of the example images."""
        index, paths = getattr(event, "index", None), components.example_images()
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(paths):
            warn(BadImage("There is no such example image; choose one that is shown."))
            return same(view)
        return self.look(str(paths[index]), conversation, view)

    # -- showing ------------------------------------------------------------------------------------------------------

    def shown(self, conversation: Conversation, view: View | None = None) -> list[dict[str, Any]]:
        """The messages of the chatbot."""
        return [{"role": b.role, "content": self._content(b)} for b in bubbles(conversation, view)]

    def _content(self, bubble: Bubble) -> dict[str, Any]:
        if bubble.view is None:
            return {"type": "text", "text": as_words(bubble.text)}
        path = self.folder / f"{bubble.view.key}-{bubble.number}.jpg"
        if not path.exists():
            part = self.folder / f"{secrets.token_hex(8)}.jpg"  # two visitors may show the same image at once
            thumbnail(bubble.view, bubble.number).save(part, quality=88)
            part.replace(path)
        return {"path": str(path), "alt_text": f"Image {bubble.number}"}

    def show(self, conversation: Conversation, view: View | None, likes: Mapping[str, bool]) -> Values:
        """Chatbot with its likes, and the two transcripts, after something was said or taken back."""
        messages, marks = self.shown(conversation, view), feedback(conversation, likes, view)
        chatbot = gr.Chatbot(value=messages, feedback_value=marks)
        return (gr.skip() if conversation.busy else chatbot, *self.exports(conversation))

    def exports(self, conversation: Conversation) -> tuple[Any, Any]:
        """The two download buttons with the transcript as JSON and as text."""
        if not any(t.answer for t in conversation.turns):
            return gr.DownloadButton(value=None, interactive=False), gr.DownloadButton(value=None, interactive=False)
        self.tidy()
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        data, text = folder / "conversation.json", folder / "conversation.txt"
        data.write_text(json.dumps(transcript(conversation), indent=1, ensure_ascii=False), "utf-8")
        text.write_text(transcript_text(conversation), "utf-8")
        return tuple(gr.DownloadButton(value=str(p), interactive=True) for p in (data, text))  # type: ignore[return-value]

    def tidy(self) -> None:
        """Remove transcripts and thumbnails older than KEEP_S seconds."""
        for old in self.folder.iterdir():
            with suppress(FileNotFoundError):  # another visitor's turn removed it
                if time.time() - old.stat().st_mtime > KEEP_S:
                    shutil.rmtree(old, ignore_errors=True) if old.is_dir() else old.unlink(missing_ok=True)

    # -- asking -------------------------------------------------------------------------------------------------------

    def ask(self, question: str, conversation: Conversation, view: View | None) -> Values:
        """Put a question into the conversation; `answer` follows. Gives the CHAT outputs."""
        return self.begin(lambda: conversation.ask(question, view), conversation, box="")

    def retry(self, conversation: Conversation) -> Values:
        """Ask the last question again; `answer` follows. Gives the CHAT outputs."""
        return self.begin(conversation.again, conversation)

    def edit(self, conversation: Conversation, event: gr.EditData) -> Values:
        """Ask another question in the place of an earlier one; `answer` follows. Gives the CHAT outputs."""
        shown, index, text = bubbles(conversation), event.index, _text_of(event.value)
        known = isinstance(index, int) and 0 <= index < len(shown) and shown[index].role == "user"
        turn = shown[index].turn if known else -1  # type: ignore[index]
        return self.begin(lambda: conversation.again(turn, text), conversation)

    def begin(self, change: Callable[[], Conversation], conversation: Conversation, box: Any = None) -> Values:
        """The CHAT outputs after a question was put; a refusal leaves everything as it was."""
        try:
            conversation = change()
        except Exception as e:
            warn(e)
            return (gr.skip(), gr.skip() if conversation.busy else self.shown(conversation), *skips(CHAT - 2))
        waiting = "Looking" if self.backend.chatting.ready else "Loading the weights"
        off, on = gr.Button(interactive=False), gr.Button(interactive=True)
        question = gr.skip() if box is None else box
        return conversation, self.shown(conversation), question, off, on, render.message(waiting, "at the image")

    def answer(
        self, conversation: Conversation, temperature: float, top_p: float, length: float, penalty: float, seed: Any,
        request: gr.Request | None = None,
    ) -> Generator[Values, None, None]:  # fmt: skip
        """Write the answer to the question in progress, if there is one. Yields the CHAT outputs."""
        session = session_of(request)
        if not conversation.busy:
            yield skips(CHAT)
            return
        self.running.add(session)
        try:
            yield from self.answering(conversation, (temperature, top_p, length, penalty, seed), session)
        except Exception as e:
            yield self.given_up(conversation, render.message("Not answered", warn(e)))
        finally:
            self.running.discard(session)

    def answering(self, asked: Conversation, how: Sequence[Any], session: str) -> Generator[Values, None, None]:
        """The outputs of `answer`, as the pipeline speaks; Stop and closing end the pipeline's work."""
        settings = answering(*how)
        if asked.tries:
            settings["seed"] = (settings["seed"] + asked.tries) % 2**31
        reply, shown, halted = Reply(""), 0.0, self.waited(session, asked)

        def wanted() -> bool:
            return not (self.halted(session, asked) or gone())

        if not halted and self.backend.chat_waits:
            yield *skips(CHAT - 1), render.message("Waiting", BEFORE)
        if not halted:
            try:
                with closing(self.backend.chat(asked.messages(), settings, wanted=wanted)) as stream:
                    for reply in stream:
                        halted = not reply.done and self.halted(session, asked)
                        if halted:
                            break
                        if not reply.done and reply.text and time.monotonic() - shown >= SHOWN_S:
                            shown = time.monotonic()
                            said = render.message("Answering", speed(reply))
                            yield gr.skip(), self.shown(asked.answered(reply.text, "", {})), *skips(CHAT - 3), said
            except TakenBack:
                halted = True
        yield self.finished(asked, reply, settings, halted)

    def waited(self, session: str, asked: Conversation) -> bool:
        """Wait for the weights as long as they may come; whether Stop was pressed until then."""
        self.backend.start()
        end = time.monotonic() + WAIT_S
        while self.backend.chatting.pending and not self.halted(session, asked) and time.monotonic() < end:
            time.sleep(0.1)
        return self.halted(session, asked)

    def halted(self, session: str, asked: Conversation) -> bool:
        """Whether Stop was pressed since the question was asked."""
        return self.stops.since(session, asked.asked)

    def finished(self, asked: Conversation, reply: Reply, settings: dict[str, Any], halted: bool) -> Values:
        """The last outputs of an answer; a question that was stopped before the first word goes back into the box."""
        if halted and not reply.text.strip():
            return self.given_up(asked, render.message("Stopped"))
        conversation = asked.answered(reply.text.strip(), "stopped" if halted else reply.finish or "stop", settings)
        more = [CUT] if reply.finish == "length" else []
        more += [SAME] if asked.tries and not settings["temperature"] else []
        status = render.message("Stopped" if halted else "Answered", " · ".join([speed(reply), *more]))
        return conversation, self.shown(conversation), gr.skip(), *_rest(), status

    def stop(self, conversation: Conversation, request: gr.Request | None = None) -> Values:
        """End the answer in progress: it answers itself where it is being written; a waiting one is taken back."""
        session = session_of(request)
        self.stops.press(session)
        if session in self.running or not conversation.busy:
            return skips(CHAT)
        return self.given_up(conversation, render.message("Stopped"))

    def given_up(self, asked: Conversation, status: str) -> Values:
        """The CHAT outputs of a question without an answer; `put_back` brings it into the box, and nothing is lost."""
        conversation, question = asked.given_up()
        conversation = replace(conversation, back=question or "")
        return conversation, self.shown(conversation), gr.skip(), *_rest(), status

    def put_back(self, box: str, conversation: Conversation) -> Values:
        """A question without an answer returns below what was typed meanwhile. Gives question and conversation."""
        if not conversation.back:
            return skips(2)
        return below(box, conversation.back), replace(conversation, back="")

    # -- taking back, judging -----------------------------------------------------------------------------------------

    def undo(self, conversation: Conversation, box: str = "") -> Values:
        """Take the last turn back; its question returns below what stands in the box. Gives conversation, question and
        status.
        """
        try:
            conversation, question = conversation.undone()
        except Exception as e:
            warn(e)
            return skips(3)
        return conversation, below(box, question), render.message("Taken back", "the question is in the box again")

    def clear(self, conversation: Conversation) -> Values:
        """Begin a new conversation about the same image. Gives conversation and status."""
        if conversation.busy:
            warn(BadPrompt(BUSY))
            return skips(2)
        return Conversation(), render.message("Cleared", "the image stays")

    def like(self, conversation: Conversation, likes: Mapping[str, bool], event: gr.LikeData) -> Values:
        """Remember what the visitor thinks of an answer, for as long as the session lasts. Gives likes and chatbot."""
        shown, index = bubbles(conversation), event.index
        if not isinstance(index, int) or not 0 <= index < len(shown) or shown[index].turn < 0:
            return skips(2)
        uid = conversation.turns[shown[index].turn].uid
        kept = {k: v for k, v in likes.items() if k != uid}
        if isinstance(event.liked, bool):
            kept[uid] = event.liked
        return kept, gr.Chatbot(feedback_value=feedback(conversation, kept))


def _rest() -> tuple[Any, Any]:
    """Ask and Stop while nothing is being written."""
    return gr.Button(interactive=True), gr.Button(interactive=False)


def _text_of(value: Any) -> str:
    """The text of an edited message, a string or a list of contents, without what `as_words` put in."""
    if isinstance(value, list):
        value = " ".join(str(v.get("text", "")) for v in value if isinstance(v, dict))
    return str(value or "").replace(_JOINER, "")
