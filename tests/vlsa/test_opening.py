"""Whatever is uploaded opens as an upright RGB image, or is refused in one sentence."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from pipelines.errors import BadImage
from pipelines.vlsa.opening import FIRST_FRAME, MAX_BYTES, ON_WHITE, TO_EIGHT_BITS, open_image

RED, BLUE = (255, 0, 0), (0, 0, 255)
SRGB = ImageCms.createProfile("sRGB")
SENTENCE = r"^[A-Z][^.]*\.$"


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def photo(width: int = 60, height: int = 40) -> Image.Image:
    """Red left half, blue right half."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image


def corner(image: Image.Image) -> tuple[int, ...]:
    return np.asarray(image)[2, 2].tolist()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds a few bytes of pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_every_format_opens_from_bytes_file_and_image(form: str, tmp_path: Path) -> None:
    data = encoded(photo(), form)
    path = tmp_path / "holiday.exe"  # the name says nothing
    path.write_bytes(data)
    for source in (data, path, str(path), Image.open(io.BytesIO(data))):
        image, size, notes = open_image(source)
        assert image.mode == "RGB" and image.size == size == (60, 40) and notes == ()
        assert np.abs(np.subtract(corner(image), RED)).max() < 12


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_only_pixels_are_kept(form: str) -> None:
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    content = encoded(photo(), form, exif=exif, icc_profile=ImageCms.ImageCmsProfile(SRGB).tobytes())
    for source in (content, Image.open(io.BytesIO(content))):
        image, _, _ = open_image(source)
        assert type(image) is Image.Image and image.info == {} and not dict(image.getexif())
    clear, _, _ = open_image(encoded(photo(), "PNG", transparency=BLUE))
    assert clear.info == {}


def test_a_given_image_stays_as_it_is() -> None:
    given_image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    image, _, notes = open_image(given_image)
    assert given_image.mode == "RGBA" and corner(image) == [255, 255, 255] and notes == (ON_WHITE,)
    plain = photo()
    assert open_image(plain)[0] is not plain


def transparent_palette() -> Image.Image:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([*RED, *BLUE])
    image.info["transparency"] = 0
    return image


@pytest.mark.parametrize(
    ("image", "options"),
    [
        (Image.new("RGBA", (8, 8), (255, 0, 0, 0)), {}),
        (Image.new("LA", (8, 8), (0, 0)), {}),
        (transparent_palette(), {"transparency": 0}),
        (Image.new("RGB", (8, 8), RED), {"transparency": RED}),
        (Image.new("L", (8, 8), 7), {"transparency": 7}),
    ],
    ids=["RGBA", "LA", "P", "RGB with a clear colour", "L with a clear grey"],
)
def test_transparency_goes_on_white(image: Image.Image, options: dict[str, Any]) -> None:
    opened, _, notes = open_image(encoded(image, "PNG", **options))
    assert corner(opened) == [255, 255, 255] and notes == (ON_WHITE,)


def test_half_transparent_red_is_pink_and_an_opaque_image_has_no_note() -> None:
    opened, _, _ = open_image(encoded(Image.new("RGBA", (8, 8), (255, 0, 0, 128)), "PNG"))
    assert corner(opened) == [255, 127, 127]
    opened, _, notes = open_image(encoded(Image.new("RGBA", (8, 8), (255, 0, 0, 255)), "PNG"))
    assert corner(opened) == [255, 0, 0] and notes == ()


@pytest.mark.parametrize(
    ("values", "grey"),
    [
        (np.array([[0, 32768, 65535]], np.uint16), [0, 128, 255]),
        (np.array([[0, 1, 256]], np.uint16), [0, 0, 1]),
        (np.array([[0, 128, 255]], np.int32), [0, 128, 255]),
        (np.array([[0, 32768, 65535]], np.int32), [0, 128, 255]),
        (np.array([[-1_000_000, 0, 1_000_000]], np.int32), [0, 128, 255]),
        (np.array([[0, 0.5, 1]], np.float32), [0, 128, 255]),
        (np.array([[0, 100, 255]], np.float32), [0, 100, 255]),
        (np.array([[np.nan, 0, np.inf]], np.float32), [0, 0, 0]),
        (np.array([[-7, -7, -7]], np.float32), [0, 0, 0]),
    ],
)
def test_deep_greys_are_scaled_to_8_bits(values: np.ndarray, grey: list[int]) -> None:
    opened, _, notes = open_image(Image.fromarray(values))
    assert np.asarray(opened)[0].tolist() == [[g] * 3 for g in grey] and notes == (TO_EIGHT_BITS,)


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_16_bit_files_are_scaled_not_clipped(form: str) -> None:
    ramp = np.repeat(np.linspace(0, 65535, 64).astype(np.uint16)[None], 4, 0)
    opened, _, _ = open_image(encoded(Image.fromarray(ramp), form))
    assert np.abs(np.asarray(opened)[0, :, 0] - np.linspace(0, 255, 64)).max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "LAB", "HSV", "RGBX", "RGBa", "PA", "I;16B"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    opened, size, _ = open_image(Image.new(mode, (5, 4)))
    assert opened.mode == "RGB" and size == (5, 4)


def test_cmyk_photographs_keep_their_colours() -> None:
    for form in ("JPEG", "TIFF"):
        opened, _, notes = open_image(encoded(photo().convert("CMYK"), form))
        assert np.abs(np.subtract(corner(opened), RED)).max() < 12 and notes == ()


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_of_an_animation_is_used(form: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in (RED, BLUE)]
    opened, _, notes = open_image(encoded(frames[0], form, save_all=True, append_images=frames[1:]))
    assert np.abs(np.subtract(corner(opened), RED)).max() < 12 and notes == (FIRST_FRAME,)


@pytest.mark.parametrize(
    ("orientation", "turned"), [(1, False), (2, False), (3, False), (4, False), (5, True), (6, True), (8, True)]
)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_photographs_are_turned_as_the_camera_was_held(form: str, orientation: int, turned: bool) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    opened, size, _ = open_image(encoded(photo(), form, exif=exif))
    assert size == opened.size == ((40, 60) if turned else (60, 40))
    red_at_the_start = orientation in (1, 4, 5, 6)  # the left half of the stored image comes out left or on top
    assert np.abs(np.subtract(corner(opened), RED if red_at_the_start else BLUE)).max() < 12


@pytest.mark.parametrize("orientation", [0, 9, 255, 65535])
def test_orientations_that_do_not_exist_are_ignored(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert open_image(encoded(photo(), "JPEG", exif=exif))[1] == (60, 40)


def test_broken_exif_and_profiles_are_ignored() -> None:
    for options in ({"exif": b"Exif\0\0nonsense"}, {"icc_profile": b"nonsense" * 40}):
        opened, size, notes = open_image(encoded(photo(), "JPEG", **options))
        assert size == (60, 40) and notes == () and np.abs(np.subtract(corner(opened), RED)).max() < 12


def profile(red: tuple[float, ...], green: tuple[float, ...], blue: tuple[float, ...], gamma: float = 2.2) -> bytes:
    """A small ICC profile of a display: XYZ of its primaries (D50) and one gamma."""

    def number(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    name = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(79 + 2)
    bodies = {b"desc": name, b"cprt": b"text" + bytes(4) + b"none\0" + bytes(3)}
    for tag, xyz in ((b"wtpt", (0.9642, 1, 0.8249)), (b"rXYZ", red), (b"gXYZ", green), (b"bXYZ", blue)):
        bodies[tag] = b"XYZ " + bytes(4) + b"".join(map(number, xyz))
    bodies |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    table, content = struct.pack(">I", len(bodies)), b""
    for tag, body in bodies.items():
        table += tag + struct.pack(">II", 128 + 4 + 12 * len(bodies) + len(content), len(body))
        content += body + bytes(-len(body) % 4)
    head = bytearray(128)
    head[:4] = struct.pack(">I", 128 + len(table) + len(content))
    head[8:24] = bytes([2, 0x20, 0, 0]) + b"mntrRGB XYZ "
    head[36:40], head[68:80] = b"acsp", number(0.9642) + number(1) + number(0.8249)
    return bytes(head) + table + content


PRIMARIES = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))  # of sRGB, adapted to D50


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_a_colour_profile_is_converted_to_srgb(mode: str) -> None:
    exchanged = profile(*PRIMARIES[::-1])  # a display whose red channel glows blue
    opened, _, _ = open_image(encoded(Image.new("RGB", (8, 8), RED).convert(mode), "PNG", icc_profile=exchanged))
    assert np.abs(np.subtract(corner(opened), BLUE)).max() < 12
    darker = profile(*PRIMARIES, gamma=3.5)
    opened, _, _ = open_image(encoded(Image.new("RGB", (8, 8), (100,) * 3).convert(mode), "PNG", icc_profile=darker))
    assert max(corner(opened)) < 70


def test_an_srgb_profile_changes_nothing_and_one_of_another_space_is_ignored() -> None:
    content = ImageCms.ImageCmsProfile(SRGB).tobytes()
    for image, bytes_of_profile in ((photo(), content), (photo().convert("L"), content), (photo(), b"")):
        expected = np.asarray(image.convert("RGB"))
        opened, _, _ = open_image(encoded(image, "PNG", icc_profile=bytes_of_profile))
        assert np.array_equal(np.asarray(opened), expected)
    grey, _, _ = open_image(encoded(photo().convert("L"), "PNG", icc_profile=profile(*PRIMARIES, gamma=3.5)))
    assert np.array_equal(np.asarray(grey), np.asarray(photo().convert("L").convert("RGB")))


@pytest.mark.parametrize("size", [(7072, 7072), (50_000_001, 1), (13_000, 12_000), (30_000, 30_000), (2**31 - 1, 9)])
def test_bombs_are_refused_from_the_header(size: tuple[int, int], recwarn: pytest.WarningsRecorder) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    with pytest.raises(BadImage, match="too large|damaged"):
        open_image(png_header(*size))
    assert Image.MAX_IMAGE_PIXELS == limit


def test_a_webp_canvas_is_checked_before_it_is_reserved() -> None:
    frames = [Image.new("RGBA", (8, 8), colour) for colour in ("red", "blue")]
    content = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    assert content[12:16] == b"VP8X"
    with pytest.raises(BadImage, match="16,384 × 16,384"):
        open_image(content[:24] + (16383).to_bytes(3, "little") * 2 + content[30:])


def test_large_images_in_memory_are_refused_too() -> None:
    with pytest.raises(BadImage, match="8,000 × 7,000 pixels, 50 megapixels"):
        open_image(Image.new("1", (8000, 7000)))
    with pytest.raises(BadImage, match="no pixels"):
        open_image(Image.new("RGB", (0, 5)))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_truncated_files_are_refused(form: str, share: float) -> None:
    data = encoded(Image.effect_noise((90, 90), 90).convert("RGB"), form)
    with pytest.raises(BadImage, match=SENTENCE):
        open_image(data[: int(len(data) * share)])


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"]), st.data())
def test_damaged_files_open_or_are_refused_and_nothing_else(form: str, data: st.DataObject) -> None:
    content = bytearray(encoded(photo(), form))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    try:
        image, size, _ = open_image(bytes(content))
    except BadImage as e:
        assert str(e).endswith(".")
    else:
        assert image.mode == "RGB" and image.size == size


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"hello, world", "not an image"),
        (b"\0" * 100, "not an image"),
        (b"PK\x03\x04" + b"\0" * 100, "not an image"),
        (b"%PDF-1.7\n...", "PDF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- " + b"x" * 2000 + b" --><svg/>", "SVG"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 40, "HEIC"),
        (b"\0\0\0\x18ftypavif" + b"\0" * 40, "AVIF"),
        (b"P6 2 2 255\n" + b"\0" * 12, "not an image"),  # a format that could be decoded but is not allowed
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
        (b"\x89PNG\r\n\x1a\n", "not an image|damaged"),
    ],
)
def test_what_is_not_an_image_is_told_what_it_is(content: bytes, word: str) -> None:
    with pytest.raises(BadImage, match=word) as caught:
        open_image(content)
    assert str(caught.value).count(". ") == 0 and str(caught.value).endswith(".")


def test_files_over_20_mb_are_refused(tmp_path: Path) -> None:
    content = encoded(photo(), "PNG") + b"\0" * MAX_BYTES
    path = tmp_path / "large.png"
    path.write_bytes(content)
    for source in (content, path):
        with pytest.raises(BadImage, match="larger than 20 MB"):
            open_image(source)


@pytest.mark.parametrize("source", [None, "", 3, ["a.png"], np.zeros((4, 4, 3), np.uint8), "/no/such/file", "a\0b"])
def test_what_is_not_a_source_is_refused(source: Any) -> None:
    with pytest.raises(BadImage, match=SENTENCE):
        open_image(source)


def test_web_addresses_are_not_fetched() -> None:
    for source in ("http://127.0.0.1/a.png", "file:///etc/hostname"):
        with pytest.raises(BadImage, match="web addresses"):
            open_image(source)


def test_folders_and_pipes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadImage, match="folder"):
        open_image(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadImage, match="not a file"):
        open_image(tmp_path / "pipe")
