"""Whatever a visitor uploads -> one upright RGB image, or one sentence that says why not.

Nothing about a file is believed before it is checked: neither its name nor the size, frames, profile or orientation it
claims. Only the decoders of FORMATS run, and only once the header shows an image of at most MAX_PIXELS.
"""

from __future__ import annotations

import io
import re
import stat
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageCms, UnidentifiedImageError

from pipelines.errors import BadImage

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
MAX_PIXELS = 50_000_000
MAX_BYTES = 20 * 1024 * 1024
READABLE = "PNG, JPEG, WebP, GIF, BMP or TIFF"
FIRST_FRAME = "The file holds several pictures; only the first is used."
ON_WHITE = "Transparent parts were put on white."
TO_EIGHT_BITS = "The grey values were reduced to 8 bits."
_EXIF_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_COLOUR_MODES = {"RGB", "CMYK", "L"}  # modes in which an embedded colour profile may describe the values
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")  # not C://
_BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)


def open_image(source: Image.Image | str | Path | bytes) -> tuple[Image.Image, tuple[int, int], tuple[str, ...]]:
    """Open an image: first frame, upright, sRGB, 8 bits, transparency on white.

    Args:
        source: an image that is open already (left as it is), the path of a file, or the bytes of one.

    Returns:
        (RGB image, its (width, height) in pixels, sentences for the visitor about what was changed).

    Raises:
        BadImage: nothing there, too large, damaged, or of another format; the message says which.
    """
    if isinstance(source, Image.Image):
        return _finish(source, ())
    image = _identify(_content(source))
    several = image.format in ("GIF", "PNG", "WEBP", "TIFF") and _is_animated(image)
    return _finish(image, (FIRST_FRAME,) if several else ())


def _content(source: object) -> bytes:
    """The bytes of a file, not empty and at most MAX_BYTES.

    Raises:
        BadImage: no source, no such file, not a regular file, unreadable, empty or too large.
    """
    if source is None or (isinstance(source, str) and not source):
        raise BadImage("There is no image; choose one.")
    if isinstance(source, str) and _ADDRESS.match(source):
        raise BadImage("Images are not fetched from web addresses; download the image and upload it here.")
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source[: MAX_BYTES + 1])
    elif isinstance(source, (str, Path)):
        data = _read(Path(source))
    else:
        raise BadImage(f"An image cannot be read from a {type(source).__name__}; give a picture, a path or bytes.")
    if not data:
        raise BadImage("The image file is empty; choose another one.")
    if len(data) > MAX_BYTES:
        raise BadImage(f"The image file is larger than {MAX_BYTES >> 20} MB; choose a smaller one.")
    return data


def _read(path: Path) -> bytes:
    """At most MAX_BYTES + 1 bytes of a regular file.

    Raises:
        BadImage: no such file, not a regular file, or unreadable.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise BadImage("That is a folder, not an image; choose a file in it.")
        if not stat.S_ISREG(mode):
            raise BadImage("That is not a file an image can be read from; choose an image file.")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError as e:
        raise BadImage("The image file does not exist; check its path.") from e
    except (OSError, ValueError) as e:  # ValueError: a null character in the path
        raise BadImage("The image file cannot be read; check its path and its permissions.") from e


def _identify(data: bytes) -> Image.Image:
    """Bytes -> an image of one of FORMATS whose header has been read and no pixel decoded.

    Raises:
        BadImage: another format, a broken header, or more than MAX_PIXELS.
    """
    width, height = _canvas(data)
    if width * height > MAX_PIXELS:
        raise _too_many_pixels(f"{width:,} × {height:,} pixels, ")
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except _BOMB as e:
        raise _too_many_pixels() from e
    except UnidentifiedImageError as e:
        raise BadImage(_why_not(data)) from e
    except Exception as e:  # a header that is broken on purpose makes decoders raise almost anything
        raise _damaged() from e


def _canvas(data: bytes) -> tuple[int, int]:
    """(width, height) that an extended WebP file claims, else (0, 0): its decoder would reserve them when opened."""
    if data[:4] != b"RIFF" or data[8:16] != b"WEBPVP8X" or len(data) < 30:
        return 0, 0
    return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")


def _finish(image: Image.Image, notes: tuple[str, ...]) -> tuple[Image.Image, tuple[int, int], tuple[str, ...]]:
    """Decode and convert as `open_image` says; `image` itself stays as it is.

    Raises:
        BadImage: no pixels, more than MAX_PIXELS, or damaged.
    """
    _check_size(image)
    try:
        image.load()
        _check_size(image)  # decoding may find another size than the header gave
        turn = _TURNS.get(_orientation(image))
        rgb, more = _to_rgb(image)
        rgb = _bare(rgb.transpose(turn) if turn is not None else rgb, image)
    except BadImage:
        raise
    except _BOMB as e:
        raise _too_many_pixels() from e
    except Exception as e:  # decoders raise almost anything on files that are broken on purpose
        raise _damaged() from e
    return rgb, rgb.size, notes + more


def _bare(rgb: Image.Image, source: Image.Image) -> Image.Image:
    """The pixels alone, never in `source` itself: a profile already applied, a place or a name must not go on.

    Where an image is saved later, Pillow and Gradio write what its `info` holds.
    """
    plain = rgb.copy() if rgb is source else rgb
    plain.info = {}
    return plain


def _check_size(image: Image.Image) -> None:
    """Raise BadImage where there is no pixel, or more than MAX_PIXELS."""
    width, height = image.size
    if width < 1 or height < 1:
        raise BadImage("The image has no pixels; choose another one.")
    if width * height > MAX_PIXELS:
        raise _too_many_pixels(f"{width:,} × {height:,} pixels, ")


def _is_animated(image: Image.Image) -> bool:
    """Whether a file holds more than one frame or page; False where it cannot be told."""
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # a second frame that is broken does not matter
        return False


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 (upright) where it is absent or broken."""
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # broken EXIF is as good as none
        return 1


def _to_rgb(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """Any mode -> RGB of the same size, and notes; 16-bit and floating greys are scaled, transparency goes on white."""
    if image.mode.startswith("I") or image.mode == "F":
        return _grey(np.asarray(image)).convert("RGB"), (TO_EIGHT_BITS,)
    profile = image.info.get("icc_profile")
    if not image.has_transparency_data:
        return _to_srgb(image if image.mode in _COLOUR_MODES else image.convert("RGB"), profile), ()
    clear = image if image.mode == "RGBA" else image.convert("RGBA")
    alpha, colours = clear.getchannel("A"), _to_srgb(clear.convert("RGB"), profile)
    if alpha.getextrema() == (255, 255):
        return colours, ()
    colours.paste("white", mask=ImageChops.invert(alpha))
    return colours, (ON_WHITE,)


def _grey(values: np.ndarray) -> Image.Image:
    """(H, W) whole or floating grey values -> 8-bit grey: the narrowest usual range that holds them becomes [0, 255].

    The ranges are [0, 65535] for unsigned 16 bits; [0, 255] or [0, 65535] for other whole numbers; [0, 1], [0, 255] or
    [0, 65535] for floating ones; and otherwise the least to the largest value. What is not finite becomes 0.
    """
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return Image.fromarray(np.round(np.arange(65536) / 257).astype(np.uint8)[values])
    wide = values.astype(np.float32)
    np.nan_to_num(wide, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(wide.min()), float(wide.max())
    tops = (1.0, 255.0, 65535.0) if values.dtype.kind == "f" else (255.0, 65535.0)
    top = next((t for t in tops if low >= 0 and high <= t), None)
    base, span = (0.0, top) if top is not None else (low, (high - low) or 1.0)
    wide -= base
    wide /= span
    wide *= 255.0
    return Image.fromarray(np.rint(wide, out=wide).astype(np.uint8))


def _to_srgb(image: Image.Image, profile: object) -> Image.Image:
    """RGB, CMYK or L -> RGB by the embedded ICC profile; as if there were none where it is absent, broken or sRGB."""
    if isinstance(profile, bytes) and profile:
        try:
            embedded = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "sRGB" not in ImageCms.getProfileDescription(embedded):
                done = ImageCms.profileToProfile(image, embedded, ImageCms.createProfile("sRGB"), outputMode="RGB")
                return done if done is not None else image.convert("RGB")
        except Exception:  # a broken profile, or one of another colour space than the image's
            pass
    return image if image.mode == "RGB" else image.convert("RGB")


def _why_not(data: bytes) -> str:
    """The sentence for bytes that none of FORMATS recognises."""
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    brand = data[8:12] if data[4:8] == b"ftyp" else b""
    if start.startswith(b"%pdf"):
        return f"A PDF is not an image; save the page as {READABLE} first."
    if b"<svg" in start or (start.startswith(b"<?xml") and b"<svg" in data[:65536].lower()):
        return f"SVG drawings are not supported; save the drawing as {READABLE} first."
    if brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"):
        return f"HEIC photographs are not supported; save the photograph as {READABLE} first."
    if brand in (b"avif", b"avis"):
        return f"AVIF images are not supported; save the image as {READABLE} first."
    return f"The file is not an image that can be read; choose one in {READABLE}."


def _too_many_pixels(size: str = "") -> BadImage:
    return BadImage(
        f"The image is too large ({size}{MAX_PIXELS // 1_000_000} megapixels are the most); scale it down first."
    )


def _damaged() -> BadImage:
    return BadImage("The image file is damaged or cut short; save or upload it again.")
